import type { SecretRegistry } from "../../run/registry.ts";
import {
  knownSecrets,
  type NewSecret,
  type SecretRow,
  secretColumns,
  secretRecord,
} from "../registry-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export function createSecretRegistry(db: SqliteConnection): SecretRegistry {
  return {
    putSecret: (secret, formerMs) => db.write("full", () => putSecret(db, secret, formerMs)),
    listSecrets: (repositoryKey) =>
      db.read(() => {
        const sql = `SELECT ${secretColumns("?2")} FROM secrets
          WHERE (?1 IS NULL OR repository_key IN ('', ?1)) AND ${knownSecrets("?2")}
          ORDER BY repository_key, name`;
        return db.all<SecretRow>(sql, repositoryKey ?? null, db.now()).map(secretRecord);
      }),
    removeSecret: (repositoryKey, name, formerMs) =>
      db.write("full", () => {
        const now = db.now();
        db.run(`DELETE FROM secrets WHERE NOT ${knownSecrets("?1")}`, now);
        const sql = `UPDATE secrets SET sealed = '', former = sealed, former_until = ?3 + ?4, updated_at = ?3
          WHERE repository_key = ?1 AND name = ?2 AND sealed <> ''`;
        return db.run(sql, repositoryKey, name, now, formerMs) > 0;
      }),
  };
}

function putSecret(db: SqliteConnection, secret: NewSecret, formerMs: number): void {
  const { repositoryKey, name, sealed, isFile } = secret;
  db.run(
    `INSERT INTO secrets (repository_key, name, sealed, is_file, created_at, updated_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?5)
     ON CONFLICT (repository_key, name) DO UPDATE SET
       sealed = excluded.sealed, is_file = excluded.is_file, updated_at = excluded.updated_at,
       former = CASE WHEN secrets.sealed = '' THEN secrets.former ELSE secrets.sealed END,
       former_until = ?5 + ?6
     WHERE secrets.sealed <> excluded.sealed`,
    ...[repositoryKey, name, sealed, isFile ? 1 : 0, db.now(), formerMs],
  );
}
