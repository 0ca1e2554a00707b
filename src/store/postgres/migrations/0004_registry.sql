-- What a server keeps besides runs. A token's name is free again once it is revoked; tokens are never deleted.
CREATE TABLE tokens (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'run', 'read')),
  hash text NOT NULL UNIQUE,
  created_at bigint NOT NULL,
  expires_at bigint,
  revoked_at bigint
);

CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked_at IS NULL;

-- `executors` and `labels` are JSON lists.
CREATE TABLE workers (
  name text COLLATE "C" PRIMARY KEY,
  title text COLLATE "C" NOT NULL,
  version text NOT NULL,
  executors text NOT NULL,
  labels text NOT NULL,
  slots integer NOT NULL,
  active_jobs integer NOT NULL,
  state text NOT NULL CHECK (state IN ('active', 'draining', 'stopped')),
  started_at bigint NOT NULL,
  seen_at bigint NOT NULL
);

-- Those that the server takes webhooks for; `repositories` are those that have had runs.
CREATE TABLE served_repositories (
  id text COLLATE "C" PRIMARY KEY,
  key text COLLATE "C" NOT NULL UNIQUE,
  name text NOT NULL,
  url text NOT NULL,
  default_branch text,
  webhook_secret text NOT NULL,
  created_at bigint NOT NULL
);

CREATE TABLE schedules (
  id text COLLATE "C" PRIMARY KEY,
  repository_id text COLLATE "C" NOT NULL REFERENCES served_repositories (id) ON DELETE CASCADE,
  pipeline text COLLATE "C" NOT NULL,
  cron text COLLATE "C" NOT NULL,
  timezone text NOT NULL,
  branch text,
  next_at bigint NOT NULL
);

CREATE INDEX schedules_of_repository ON schedules (repository_id, pipeline, cron);
CREATE INDEX schedules_by_time ON schedules (next_at);
