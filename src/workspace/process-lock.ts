import { Database } from "bun:sqlite";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { CicdError, messageOf } from "../errors/cicd-error.ts";
import { ioError } from "./io-error.ts";

/**
 * Holds `path` for this process until disposed or until the process is gone, however it ends: the lock is the kernel's own, on
 * an empty SQLite file, so it also holds between containers that share the directory. Undefined: another holds it. Throws
 * PERMISSION_DENIED, DISK_FULL, IO_FAILED.
 */
export async function tryProcessLock(path: string): Promise<AsyncDisposable | undefined> {
  let database: Database | undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    database = new Database(path, { create: true });
    database.run("PRAGMA journal_mode = MEMORY");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    const known = ioError(error, `locking ${path}`);
    if (known instanceof CicdError) throw known;
    throw new CicdError("IO_FAILED", `${path} cannot be locked: ${messageOf(error)}`, { cause: error });
  }
  const held = database;
  return {
    async [Symbol.asyncDispose]() {
      held.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}
