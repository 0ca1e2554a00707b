import type { RepositoryRecord, RepositoryRegistry } from "../../run/registry.ts";
import { type NewRepository, REPOSITORY_COLUMNS } from "../registry-rows.ts";
import { NOW, type PostgresConnection, type Session } from "./postgres-connection.ts";

export function createRepositoryRegistry(db: PostgresConnection): RepositoryRegistry {
  return {
    addRepository: (repository) => db.write((session) => addRepository(session, repository), "any"),
    findRepository: (by) => {
      const [column, value] = "id" in by ? ["id", by.id] : ["key", by.key];
      const sql = `SELECT ${REPOSITORY_COLUMNS} FROM served_repositories WHERE ${column} = $1`;
      return db.read((session) => session.get<RepositoryRecord>(sql, value!));
    },
    listRepositories: () =>
      db.read((session) =>
        session.all<RepositoryRecord>(`SELECT ${REPOSITORY_COLUMNS} FROM served_repositories ORDER BY key`),
      ),
    setDefaultBranch: async (id, branch) => {
      const sql = "UPDATE served_repositories SET default_branch = $2 WHERE id = $1";
      await db.writeOne((session) => session.run(sql, id, branch), "any");
    },
    removeRepository: async (id) => {
      const sql = "DELETE FROM served_repositories WHERE id = $1";
      return (await db.writeOne((session) => session.run(sql, id), "refused")) > 0;
    },
  };
}

/** True also where this very repository is there already. */
async function addRepository(session: Session, repository: NewRepository): Promise<boolean> {
  const { id, key, name, url, defaultBranch, webhookSecret } = repository;
  const added = await session.run(
    `INSERT INTO served_repositories (id, key, name, url, default_branch, webhook_secret, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, ${NOW}) ON CONFLICT DO NOTHING`,
    ...[id, key, name, url, defaultBranch, webhookSecret],
  );
  if (added > 0) return true;
  const isThis = "SELECT 1 FROM served_repositories WHERE id = $1 AND key = $2";
  return (await session.get(isThis, id, key)) !== undefined;
}
