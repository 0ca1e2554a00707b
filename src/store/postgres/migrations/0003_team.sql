-- `tag`: set where the run is of a tag. `delivery`: what asked for it, where that may be asked for again. `after_run`: the run it
-- waits for; no foreign key, for that one may be deleted. `tags`: a JSON list, of the plan: what a worker must be labelled with.
ALTER TABLE runs ADD COLUMN tag text;
ALTER TABLE runs ADD COLUMN delivery text;
ALTER TABLE runs ADD COLUMN after_run text COLLATE "C";
ALTER TABLE jobs ADD COLUMN tags text NOT NULL DEFAULT '[]';

CREATE UNIQUE INDEX runs_of_delivery ON runs (pipeline_id, delivery) WHERE delivery IS NOT NULL;

-- The first waiting job of a run.
CREATE INDEX jobs_waiting_of_run ON jobs (run_id, queued_at, position) WHERE state = 'pending';
