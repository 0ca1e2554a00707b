-- Where the time of an attempt went, or, without a job, that of a run; written once, as JSON. What a process could not
-- write is missing.
CREATE TABLE phases (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  job_id text,
  attempt integer,
  spans text NOT NULL
);

CREATE INDEX phases_of_run ON phases (run_id);
