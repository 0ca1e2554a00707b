-- `tag`: set where the run is of a tag. `delivery`: what asked for it, where that may be asked for again. `after_run`: the run it
-- waits for; no foreign key, for that one may be deleted. `tags`: a JSON list, of the plan: what a worker must be labelled with.
ALTER TABLE runs ADD COLUMN tag TEXT;
ALTER TABLE runs ADD COLUMN delivery TEXT;
ALTER TABLE runs ADD COLUMN after_run TEXT;
ALTER TABLE jobs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';

CREATE UNIQUE INDEX runs_of_delivery ON runs (pipeline_id, delivery) WHERE delivery IS NOT NULL;
