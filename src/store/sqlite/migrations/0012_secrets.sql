-- Values are sealed (AES-256-GCM); the key is not in the database. `repository_key` '' stands for all repositories. `former` is the
-- value before, which is masked until `former_until`.
CREATE TABLE secrets (
  repository_key TEXT NOT NULL,
  name TEXT NOT NULL,
  sealed TEXT NOT NULL,
  is_file INTEGER NOT NULL,
  former TEXT,
  former_until INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (repository_key, name)
) STRICT, WITHOUT ROWID;
