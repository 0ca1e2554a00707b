import type { RepositoryRecord, RepositoryRegistry } from "../../run/registry.ts";
import { type NewRepository, REPOSITORY_COLUMNS } from "../registry-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export function createRepositoryRegistry(db: SqliteConnection): RepositoryRegistry {
  return {
    addRepository: (repository) => db.write("full", () => addRepository(db, repository)),
    findRepository: (by) =>
      db.read(() => {
        const [column, value] = "id" in by ? ["id", by.id] : ["key", by.key];
        const sql = `SELECT ${REPOSITORY_COLUMNS} FROM served_repositories WHERE ${column} = ?1`;
        return db.get<RepositoryRecord>(sql, value!);
      }),
    listRepositories: () =>
      db.read(() =>
        db.all<RepositoryRecord>(`SELECT ${REPOSITORY_COLUMNS} FROM served_repositories ORDER BY key`),
      ),
    setDefaultBranch: (id, branch) =>
      db.write("normal", () => {
        db.run("UPDATE served_repositories SET default_branch = ?2 WHERE id = ?1", id, branch);
      }),
    removeRepository: (id) =>
      db.write("full", () => db.run("DELETE FROM served_repositories WHERE id = ?1", id) > 0),
  };
}

/** True also where this very repository is there already. */
function addRepository(db: SqliteConnection, repository: NewRepository): boolean {
  const { id, key, name, url, defaultBranch, webhookSecret } = repository;
  const added = db.run(
    `INSERT INTO served_repositories (id, key, name, url, default_branch, webhook_secret, created_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING`,
    ...[id, key, name, url, defaultBranch, webhookSecret, db.now()],
  );
  const isThis = "SELECT 1 FROM served_repositories WHERE id = ?1 AND key = ?2";
  return added > 0 || db.get(isThis, id, key) !== undefined;
}
