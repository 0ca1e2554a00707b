import { Database } from "bun:sqlite";
import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CicdError, messageOf } from "../../errors/cicd-error.ts";
import type { ErrorCode } from "../../errors/codes.ts";
import type { Store } from "../../run/store.ts";
import { migrate, refuseForeign } from "./migrate.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { SqliteStore } from "./sqlite-store.ts";

export interface SqliteOptions {
  path: string;
  /** How long another process's lock is waited for. */
  busyTimeoutMs?: number;
  /** How often a watcher looks for changes of other processes. */
  pollMs?: number;
}

/** SQLite's own wait, which blocks the event loop; the rest of `busyTimeoutMs` is waited asynchronously. */
const BLOCKING_WAIT_MS = 30;

/**
 * Opens the database file, which is made when it is missing (file 0600, directories 0700) and brought to the current
 * schema. Several processes may do so at once. Throws the codes of `Store`, and PERMISSION_DENIED.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const path = resolve(options.path);
  prepareFile(path);
  const connection = new SqliteConnection(openFile(path), path, options.busyTimeoutMs ?? 10_000);
  try {
    connection.script(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
    await refuseForeign(connection);
    await configure(connection);
    await migrate(connection);
    return new SqliteStore(connection, options.pollMs ?? 100);
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

async function configure(connection: SqliteConnection): Promise<void> {
  await connection.outside(() => {
    connection.script("PRAGMA journal_mode = WAL");
    connection.script("PRAGMA synchronous = NORMAL");
    connection.script("PRAGMA foreign_keys = ON");
    connection.script("PRAGMA journal_size_limit = 67108864");
    connection.script("PRAGMA cache_size = -16000");
    connection.script("PRAGMA temp_store = MEMORY");
  });
}

function openFile(path: string): Database {
  try {
    return new Database(path, { readwrite: true, strict: true });
  } catch (error) {
    throw toStoreError(error, path);
  }
}

/**
 * A file that exists is never opened here: closing it again would release the locks that this process holds on it
 * through SQLite (https://www.sqlite.org/howtocorrupt.html, 2.2).
 */
function prepareFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) createFile(path);
    else if (!found.isFile()) throw new CicdError("STORE_UNREACHABLE", `The database is not a file: ${path}`);
    else accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw toFileError(error, path);
  }
}

function createFile(path: string): void {
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
  } catch (error) {
    if (fileCode(error) !== "EEXIST") throw error;
  }
}

const FILE_CODES: Readonly<Record<string, ErrorCode>> = {
  EACCES: "PERMISSION_DENIED",
  EPERM: "PERMISSION_DENIED",
  EROFS: "PERMISSION_DENIED",
  ENOSPC: "DISK_FULL",
  EDQUOT: "DISK_FULL",
};

function toFileError(error: unknown, path: string): CicdError {
  if (error instanceof CicdError) return error;
  const code = FILE_CODES[fileCode(error) ?? ""] ?? "STORE_UNREACHABLE";
  return new CicdError(code, `The database ${path} cannot be opened: ${messageOf(error)}`, { cause: error });
}

function fileCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
