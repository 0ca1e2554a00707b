import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory for a test, and the path of a database file that is not there yet. */
export function newDatabasePath(): { directory: string; path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "cicd-test-sqlite-"));
  return {
    directory,
    path: join(directory, "state", "cicd.db"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
