import type { TokenRecord, TokenRegistry } from "../../run/registry.ts";
import { type NewToken, TOKEN_COLUMNS } from "../registry-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export function createTokenRegistry(db: SqliteConnection): TokenRegistry {
  return {
    createToken: (token) => db.write("full", () => createToken(db, token)),
    createFirstToken: (token) =>
      db.write("full", () => {
        if (db.get("SELECT 1 FROM tokens WHERE id <> ?1", token.id) !== undefined) return false;
        return createToken(db, token);
      }),
    findToken: (hash) =>
      db.read(() =>
        db.get<TokenRecord>(
          `SELECT ${TOKEN_COLUMNS} FROM tokens
           WHERE hash = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)`,
          ...[hash, db.now()],
        ),
      ),
    listTokens: () =>
      db.read(() => db.all<TokenRecord>(`SELECT ${TOKEN_COLUMNS} FROM tokens ORDER BY created_at, id`)),
    revokeToken: (nameOrId) =>
      db.write("full", () => {
        const sql = "UPDATE tokens SET revoked_at = ?2 WHERE (name = ?1 OR id = ?1) AND revoked_at IS NULL";
        return db.run(sql, nameOrId, db.now()) > 0;
      }),
  };
}

/** True also where this very token is there already. */
function createToken(db: SqliteConnection, { id, name, role, hash, expiresAt }: NewToken): boolean {
  const created = db.run(
    `INSERT INTO tokens (id, name, role, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT DO NOTHING`,
    ...[id, name, role, hash, db.now(), expiresAt],
  );
  return created === 1 || db.get("SELECT 1 FROM tokens WHERE id = ?1 AND hash = ?2", id, hash) !== undefined;
}
