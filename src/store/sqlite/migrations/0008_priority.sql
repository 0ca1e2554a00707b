-- The longest path from the job's start to the end of its run, in ms: of a run's waiting jobs the highest goes first.
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

CREATE INDEX jobs_waiting_of_run ON jobs (run_id, priority DESC, queued_at, position) WHERE state = 'pending';
