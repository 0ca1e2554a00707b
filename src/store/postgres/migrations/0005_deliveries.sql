-- Events of a repository's host, genuine ones. `event` and `result` are JSON; without a result it is still to be acted upon, not
-- before `due_at`. `seq` is the order in which they came.
CREATE TABLE deliveries (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  repository_id text COLLATE "C" NOT NULL REFERENCES served_repositories (id) ON DELETE CASCADE,
  host_id text NOT NULL,
  digest text,
  event text NOT NULL,
  received_at bigint NOT NULL,
  due_at bigint NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  result text,
  UNIQUE (repository_id, host_id)
);

CREATE UNIQUE INDEX deliveries_by_digest ON deliveries (repository_id, digest) WHERE digest IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (repository_id, seq) WHERE result IS NULL;
CREATE INDEX deliveries_by_time ON deliveries (received_at);
