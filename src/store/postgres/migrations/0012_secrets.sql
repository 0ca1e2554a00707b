-- Values are sealed (AES-256-GCM); the key is not in the database. `repository_key` '' stands for all repositories. `former` is the
-- value before, which is masked until `former_until`.
CREATE TABLE secrets (
  repository_key text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  sealed text NOT NULL,
  is_file integer NOT NULL,
  former text,
  former_until bigint,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (repository_key, name)
);
