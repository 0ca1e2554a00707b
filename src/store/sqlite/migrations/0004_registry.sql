-- What a server keeps besides runs. A token's name is free again once it is revoked; tokens are never deleted.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'run', 'read')),
  hash TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;

CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked_at IS NULL;

-- `executors` and `labels` are JSON lists.
CREATE TABLE workers (
  name TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  version TEXT NOT NULL,
  executors TEXT NOT NULL,
  labels TEXT NOT NULL,
  slots INTEGER NOT NULL,
  active_jobs INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'draining', 'stopped')),
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;

-- Those that the server takes webhooks for; `repositories` are those that have had runs.
CREATE TABLE served_repositories (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  default_branch TEXT,
  webhook_secret TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE schedules (
  id TEXT PRIMARY KEY,
  repository_id TEXT NOT NULL REFERENCES served_repositories (id) ON DELETE CASCADE,
  pipeline TEXT NOT NULL,
  cron TEXT NOT NULL,
  timezone TEXT NOT NULL,
  branch TEXT,
  next_at INTEGER NOT NULL
) STRICT;

CREATE INDEX schedules_of_repository ON schedules (repository_id, pipeline, cron);
CREATE INDEX schedules_by_time ON schedules (next_at);
