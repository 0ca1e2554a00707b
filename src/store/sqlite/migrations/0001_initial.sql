-- Times are milliseconds since 1970 UTC. JSON is stored as text.

CREATE TABLE repositories (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL
) STRICT;

-- Outlives its runs: a run number is never used twice.
CREATE TABLE pipelines (
  id INTEGER PRIMARY KEY,
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  name TEXT NOT NULL,
  last_number INTEGER NOT NULL,
  UNIQUE (repository_id, name)
) STRICT;

-- Equal plans are stored once, by the SHA-256 of their JSON.
CREATE TABLE plans (
  hash TEXT PRIMARY KEY,
  plan TEXT NOT NULL
) STRICT;

-- `version` rises with every change of the run, its jobs or the set of their attempts; not with lease renewals.
CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  repository_id INTEGER NOT NULL REFERENCES repositories (id),
  pipeline_id INTEGER NOT NULL REFERENCES pipelines (id),
  number INTEGER NOT NULL,
  branch TEXT,
  commit_sha TEXT,
  commit_message TEXT,
  tree TEXT NOT NULL,
  dirty TEXT,
  trigger_kind TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('local', 'queue')),
  executor TEXT NOT NULL,
  owner TEXT,
  plan_hash TEXT NOT NULL REFERENCES plans (hash),
  overrides TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN
    ('pending', 'running', 'canceling', 'manual', 'success', 'failed', 'canceled', 'skipped')),
  warnings INTEGER NOT NULL,
  cancel_requested_at INTEGER,
  stop_requested_at INTEGER,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  version INTEGER NOT NULL,
  UNIQUE (pipeline_id, number)
) STRICT;

CREATE INDEX runs_newest ON runs (created_at, id);
CREATE INDEX runs_of_repository ON runs (repository_id, created_at, id);
CREATE INDEX runs_of_pipeline ON runs (pipeline_id, created_at, id);
CREATE INDEX runs_of_branch ON runs (branch, created_at, id);
CREATE INDEX runs_of_commit ON runs (commit_sha);
CREATE INDEX runs_by_status ON runs (status, created_at, id);
CREATE INDEX runs_of_plan ON runs (plan_hash);

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('created', 'manual', 'waiting_for_resource', 'pending', 'assigned',
    'running', 'canceling', 'success', 'failed', 'canceled', 'skipped')),
  allowed INTEGER NOT NULL,
  failure_reason TEXT,
  exit_code INTEGER,
  attempt INTEGER NOT NULL,
  retries_used INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  queued_at INTEGER,
  started_at INTEGER,
  finished_at INTEGER,
  UNIQUE (run_id, position),
  UNIQUE (run_id, name)
) STRICT;

CREATE INDEX jobs_queue ON jobs (queued_at, run_id, position) WHERE state = 'pending';

CREATE TABLE attempts (
  id INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  run_id TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number > 0),
  worker TEXT NOT NULL,
  lease_token TEXT NOT NULL,
  lease_until INTEGER NOT NULL,
  container_name TEXT,
  assigned_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  outcome TEXT CHECK (outcome IN ('success', 'failed', 'canceled')),
  exit_code INTEGER,
  failure_reason TEXT,
  message TEXT,
  log_bytes INTEGER NOT NULL,
  log_sha256 TEXT,
  artifact_layer TEXT,
  UNIQUE (job_id, number),
  CHECK ((outcome IS NULL) = (finished_at IS NULL))
) STRICT;

CREATE INDEX attempts_of_run ON attempts (run_id);
CREATE INDEX attempts_by_lease ON attempts (lease_until) WHERE outcome IS NULL;
CREATE INDEX attempts_of_worker ON attempts (worker) WHERE outcome IS NULL;

CREATE TRIGGER attempts_finished_never_change BEFORE UPDATE ON attempts WHEN old.outcome IS NOT NULL
BEGIN
  SELECT raise(ABORT, 'a finished attempt never changes');
END;

CREATE TABLE artifacts (
  attempt_id INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (attempt_id, path)
) STRICT, WITHOUT ROWID;

-- `bytes` are zstd where `compressed`; offset and length count what they unpack to.
CREATE TABLE log_chunks (
  attempt_id INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL CHECK (seq > 0),
  byte_offset INTEGER NOT NULL,
  byte_length INTEGER NOT NULL CHECK (byte_length > 0),
  compressed INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (attempt_id, seq),
  UNIQUE (attempt_id, byte_offset)
) STRICT;

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  job TEXT,
  attempt INTEGER,
  data TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_run ON events (run_id, id);
