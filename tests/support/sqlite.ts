import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A new directory for a test, and the path of a database file that is not there yet. `inMemory`: on a file system
 * without a disk where there is one, for tests of many small commits.
 */
export function newDatabasePath(options: { inMemory?: boolean } = {}): {
  directory: string;
  path: string;
  remove(): void;
} {
  const root = options.inMemory === true && existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const directory = mkdtempSync(join(root, "cicd-test-sqlite-"));
  return {
    directory,
    path: join(directory, "state", "cicd.db"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
