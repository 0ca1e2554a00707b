-- Events of a repository's host, genuine ones. `event` and `result` are JSON; without a result it is still to be acted upon, not
-- before `due_at`. `seq` is the order in which they came.
CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  repository_id TEXT NOT NULL REFERENCES served_repositories (id) ON DELETE CASCADE,
  host_id TEXT NOT NULL,
  digest TEXT,
  event TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  result TEXT,
  UNIQUE (repository_id, host_id)
) STRICT;

CREATE UNIQUE INDEX deliveries_by_digest ON deliveries (repository_id, digest) WHERE digest IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (repository_id, seq) WHERE result IS NULL;
CREATE INDEX deliveries_by_time ON deliveries (received_at);
