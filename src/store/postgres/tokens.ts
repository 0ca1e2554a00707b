import type { TokenRecord, TokenRegistry } from "../../run/registry.ts";
import { type NewToken, TOKEN_COLUMNS } from "../registry-rows.ts";
import { NOW, type PostgresConnection, type Session } from "./postgres-connection.ts";

export function createTokenRegistry(db: PostgresConnection): TokenRegistry {
  return {
    createToken: (token) => db.write((session) => createToken(session, token), "any"),
    createFirstToken: (token) =>
      db.write(async (session) => {
        await session.run("LOCK TABLE tokens IN SHARE ROW EXCLUSIVE MODE");
        const other = await session.get("SELECT 1 FROM tokens WHERE id <> $1 LIMIT 1", token.id);
        return other === undefined && createToken(session, token);
      }, "any"),
    findToken: (hash) =>
      db.read((session) =>
        session.get<TokenRecord>(
          `SELECT ${TOKEN_COLUMNS} FROM tokens
           WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${NOW})`,
          hash,
        ),
      ),
    listTokens: () =>
      db.read((session) =>
        session.all<TokenRecord>(`SELECT ${TOKEN_COLUMNS} FROM tokens ORDER BY created_at, id`),
      ),
    revokeToken: async (nameOrId) => {
      const sql = `UPDATE tokens SET revoked_at = ${NOW} WHERE (name = $1 OR id = $1) AND revoked_at IS NULL`;
      return (await db.writeOne((session) => session.run(sql, nameOrId), "refused")) > 0;
    },
  };
}

/** True also where this very token is there already. */
async function createToken(
  session: Session,
  { id, name, role, hash, expiresAt }: NewToken,
): Promise<boolean> {
  const created = await session.run(
    `INSERT INTO tokens (id, name, role, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, ${NOW}, $5)
     ON CONFLICT DO NOTHING`,
    ...[id, name, role, hash, expiresAt],
  );
  if (created > 0) return true;
  return (await session.get("SELECT 1 FROM tokens WHERE id = $1 AND hash = $2", id, hash)) !== undefined;
}
