import type { SecretRegistry } from "../../run/registry.ts";
import { knownSecrets, type SecretRow, secretColumns, secretRecord } from "../registry-rows.ts";
import { NOW, type PostgresConnection } from "./postgres-connection.ts";

export function createSecretRegistry(db: PostgresConnection): SecretRegistry {
  return {
    putSecret: async ({ repositoryKey, name, sealed, isFile }, formerMs) => {
      const sql = `
        INSERT INTO secrets (repository_key, name, sealed, is_file, created_at, updated_at)
        VALUES ($1, $2, $3, $4, ${NOW}, ${NOW})
        ON CONFLICT (repository_key, name) DO UPDATE SET
          sealed = excluded.sealed, is_file = excluded.is_file, updated_at = excluded.updated_at,
          former = CASE WHEN secrets.sealed = '' THEN secrets.former ELSE secrets.sealed END,
          former_until = ${NOW} + $5::bigint
        WHERE secrets.sealed <> excluded.sealed`;
      const values = [repositoryKey, name, sealed, isFile ? 1 : 0, formerMs];
      await db.writeOne((session) => session.run(sql, ...values), "any");
    },
    listSecrets: async (repositoryKey) => {
      const sql = `SELECT ${secretColumns(NOW)} FROM secrets
        WHERE ($1::text IS NULL OR repository_key IN ('', $1::text)) AND ${knownSecrets(NOW)}
        ORDER BY repository_key, name`;
      const rows = await db.read((session) => session.all<SecretRow>(sql, repositoryKey ?? null));
      return rows.map(secretRecord);
    },
    removeSecret: async (repositoryKey, name, formerMs) => {
      const sql = `
        WITH forgotten AS (DELETE FROM secrets WHERE NOT ${knownSecrets(NOW)})
        UPDATE secrets SET sealed = '', former = sealed, former_until = ${NOW} + $3::bigint, updated_at = ${NOW}
        WHERE repository_key = $1 AND name = $2 AND sealed <> ''`;
      const remove = () =>
        db.writeOne((session) => session.run(sql, repositoryKey, name, formerMs), "refused");
      return (await remove()) > 0;
    },
  };
}
