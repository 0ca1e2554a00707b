-- What an attempt brought besides its outcome, as JSON: coverage, counts of tests, variables, the layer of its report files.
ALTER TABLE attempts ADD COLUMN results text;

-- Tests that failed, in the order of their reports.
CREATE TABLE test_failures (
  attempt_id bigint NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  position integer NOT NULL,
  suite text,
  class_name text,
  name text NOT NULL,
  file text,
  line integer,
  kind text NOT NULL,
  message text,
  detail text,
  PRIMARY KEY (attempt_id, position)
);
