-- Where the time of an attempt went, or, without a job, that of a run; written once, as JSON. What a process could not
-- write is missing.
CREATE TABLE phases (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  job_id TEXT,
  attempt INTEGER,
  spans TEXT NOT NULL
) STRICT;

CREATE INDEX phases_of_run ON phases (run_id);
