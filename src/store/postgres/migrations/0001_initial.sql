-- Times are milliseconds since 1970 UTC. JSON is stored as text. What is sorted has byte order, as in SQLite.

CREATE TABLE repositories (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL UNIQUE,
  name text NOT NULL
);

-- Outlives its runs: a run number is never used twice.
CREATE TABLE pipelines (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repository_id bigint NOT NULL REFERENCES repositories (id),
  name text COLLATE "C" NOT NULL,
  last_number integer NOT NULL,
  UNIQUE (repository_id, name)
);

-- Equal plans are stored once, by the SHA-256 of their JSON.
CREATE TABLE plans (
  hash text PRIMARY KEY,
  plan text NOT NULL
);

-- `version` rises with every change of the run, its jobs or the set of their attempts; not with lease renewals.
CREATE TABLE runs (
  id text COLLATE "C" PRIMARY KEY,
  repository_id bigint NOT NULL REFERENCES repositories (id),
  pipeline_id bigint NOT NULL REFERENCES pipelines (id),
  number integer NOT NULL,
  branch text,
  commit_sha text COLLATE "C",
  commit_message text,
  tree text NOT NULL,
  dirty text,
  trigger_kind text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('local', 'queue')),
  executor text NOT NULL,
  owner text,
  plan_hash text NOT NULL REFERENCES plans (hash),
  overrides text NOT NULL,
  status text NOT NULL CHECK (status IN
    ('pending', 'running', 'canceling', 'manual', 'success', 'failed', 'canceled', 'skipped')),
  warnings boolean NOT NULL,
  cancel_requested_at bigint,
  stop_requested_at bigint,
  created_at bigint NOT NULL,
  started_at bigint,
  finished_at bigint,
  version integer NOT NULL,
  UNIQUE (pipeline_id, number)
);

CREATE INDEX runs_newest ON runs (created_at, id);
CREATE INDEX runs_of_repository ON runs (repository_id, created_at, id);
CREATE INDEX runs_of_pipeline ON runs (pipeline_id, created_at, id);
CREATE INDEX runs_of_branch ON runs (branch, created_at, id);
CREATE INDEX runs_of_commit ON runs (commit_sha);
CREATE INDEX runs_by_status ON runs (status, created_at, id);
CREATE INDEX runs_of_plan ON runs (plan_hash);

CREATE TABLE jobs (
  id text COLLATE "C" PRIMARY KEY,
  run_id text COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name text NOT NULL,
  position integer NOT NULL,
  state text NOT NULL CHECK (state IN ('created', 'manual', 'waiting_for_resource', 'pending', 'assigned',
    'running', 'canceling', 'success', 'failed', 'canceled', 'skipped')),
  allowed boolean NOT NULL,
  failure_reason text,
  exit_code integer,
  attempt integer NOT NULL,
  retries_used integer NOT NULL,
  cancel_requested boolean NOT NULL,
  created_at bigint NOT NULL,
  queued_at bigint,
  started_at bigint,
  finished_at bigint,
  UNIQUE (run_id, position),
  UNIQUE (run_id, name)
);

CREATE INDEX jobs_queue ON jobs (queued_at, run_id, position) WHERE state = 'pending';

CREATE TABLE attempts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id text COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  run_id text COLLATE "C" NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  worker text NOT NULL,
  lease_token text NOT NULL,
  lease_until bigint NOT NULL,
  container_name text,
  assigned_at bigint NOT NULL,
  started_at bigint,
  finished_at bigint,
  outcome text CHECK (outcome IN ('success', 'failed', 'canceled')),
  exit_code integer,
  failure_reason text,
  message text,
  log_bytes bigint NOT NULL,
  log_sha256 text,
  artifact_layer text,
  UNIQUE (job_id, number),
  CHECK ((outcome IS NULL) = (finished_at IS NULL))
);

CREATE INDEX attempts_of_run ON attempts (run_id);
CREATE INDEX attempts_by_lease ON attempts (lease_until) WHERE outcome IS NULL;
CREATE INDEX attempts_of_worker ON attempts (worker) WHERE outcome IS NULL;

CREATE FUNCTION attempts_finished_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a finished attempt never changes';
END
$$;

CREATE TRIGGER attempts_finished_never_change BEFORE UPDATE ON attempts
FOR EACH ROW WHEN (old.outcome IS NOT NULL)
EXECUTE FUNCTION attempts_finished_never_change();

CREATE TABLE artifacts (
  attempt_id bigint NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  path text COLLATE "C" NOT NULL,
  size_bytes bigint NOT NULL,
  sha256 text NOT NULL,
  PRIMARY KEY (attempt_id, path)
);

-- `bytes` are zstd where `compressed`; offset and length count what they unpack to.
CREATE TABLE log_chunks (
  attempt_id bigint NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  seq integer NOT NULL CHECK (seq > 0),
  byte_offset bigint NOT NULL,
  byte_length integer NOT NULL CHECK (byte_length > 0),
  compressed boolean NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (attempt_id, seq),
  UNIQUE (attempt_id, byte_offset)
);

ALTER TABLE log_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id text COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  at bigint NOT NULL,
  type text NOT NULL,
  job text,
  attempt integer,
  data text NOT NULL
);

CREATE INDEX events_of_run ON events (run_id, id);
