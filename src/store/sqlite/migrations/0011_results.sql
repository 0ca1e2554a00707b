-- What an attempt brought besides its outcome, as JSON: coverage, counts of tests, variables, the layer of its report files.
ALTER TABLE attempts ADD COLUMN results TEXT;

-- Tests that failed, in the order of their reports.
CREATE TABLE test_failures (
  attempt_id INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  suite TEXT,
  class_name TEXT,
  name TEXT NOT NULL,
  file TEXT,
  line INTEGER,
  kind TEXT NOT NULL,
  message TEXT,
  detail TEXT,
  PRIMARY KEY (attempt_id, position)
) STRICT, WITHOUT ROWID;
