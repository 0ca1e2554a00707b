import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DatabaseConfig } from "./config.ts";
import { readInstanceId } from "./state-dir.ts";

/**
 * What is labelled by this state directory for the runs of this database, 12 characters of `[a-z0-9]`: of what another
 * database's runs left in the same executor nothing can be known. For the state directory's own database it is the directory's
 * id. Throws what `readInstanceId` throws.
 */
export function instanceOf(stateDir: string, database: DatabaseConfig): string {
  const id = readInstanceId(stateDir);
  if (isOwnDatabase(stateDir, database)) return id;
  return createHash("sha256")
    .update(`${id} ${placeOf(database)}`)
    .digest("hex")
    .slice(0, 12);
}

/**
 * Where the files of this database's runs lie: what another database's runs still name cannot be known, so that nobody
 * may tidy up there. For the state directory's own database it is the directory itself.
 */
export function workspaceDirOf(stateDir: string, database: DatabaseConfig): string {
  return isOwnDatabase(stateDir, database) ? stateDir : join(stateDir, "d", instanceOf(stateDir, database));
}

function isOwnDatabase(stateDir: string, database: DatabaseConfig): boolean {
  return database.kind === "sqlite" && database.path === join(stateDir, "cicd.db");
}

/** Without user, password and whatever else may change while the database stays the same. */
function placeOf(database: DatabaseConfig): string {
  if (database.kind === "sqlite") return `sqlite:${database.path}`;
  const { host, pathname, searchParams } = new URL(database.url);
  return `postgres://${host}${pathname} ${searchParams.get("search_path") ?? ""}`;
}
