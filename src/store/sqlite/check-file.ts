import { CicdError } from "../../errors/cicd-error.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** A larger file, nearly all of it logs, is checked without them: reading a GiB takes about a second. */
const WHOLE_BELOW_BYTES = 1024 ** 3;
const TABLES = ["repositories", "pipelines", "plans", "runs", "jobs", "attempts", "artifacts", "events"];

/**
 * Has SQLite look through the file for damage (https://www.sqlite.org/pragma.html#pragma_quick_check), up to the first.
 * Throws STORE_CORRUPT.
 */
export function checkFile(db: SqliteConnection): void {
  const { bytes } = db.get<{ bytes: number }>(
    "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size",
  )!;
  const checks =
    bytes < WHOLE_BELOW_BYTES
      ? ["PRAGMA quick_check(1)"]
      : TABLES.map((table) => `PRAGMA quick_check(${table})`);
  for (const sql of checks) {
    const answer = db.get<{ quick_check: string }>(sql)?.quick_check;
    if (answer === undefined || answer === "ok") continue;
    const words = answer.replace(/\s+/g, " ").slice(0, 200);
    throw new CicdError("STORE_CORRUPT", `The database file is damaged: ${db.path} (${words})`, {
      hint: "Restore it from a backup, or move it away to start anew.",
    });
  }
}
