import { constants, Database } from "bun:sqlite";
import { accessSync, closeSync, constants as fs, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CicdError, messageOf } from "../../errors/cicd-error.ts";
import type { ErrorCode } from "../../errors/codes.ts";
import type { Registry } from "../../run/registry.ts";
import type { Store } from "../../run/store.ts";
import { isCurrent, migrate, refuseForeign } from "./migrate.ts";
import { createRegistry } from "./registry.ts";
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
 * schema. Several processes may do so at once. Where it cannot be written (permissions, a read-only or full disk) but
 * holds what this version wrote, it is opened for reading. Throws the codes of `Store`, and PERMISSION_DENIED.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store & Registry> {
  const path = resolve(options.path);
  const busyTimeoutMs = options.busyTimeoutMs ?? 10_000;
  const pollMs = options.pollMs ?? 100;
  try {
    prepareFile(path);
    return storeOn(await openWritable(path, busyTimeoutMs), pollMs);
  } catch (error) {
    const refusal = refusalOf(error, path);
    const connection = refusal && (await openForReading(path, busyTimeoutMs, refusal));
    if (connection === undefined) throw error;
    return storeOn(connection, pollMs);
  }
}

function storeOn(connection: SqliteConnection, pollMs: number): Store & Registry {
  return Object.assign(new SqliteStore(connection, pollMs), createRegistry(connection));
}

async function openWritable(path: string, busyTimeoutMs: number): Promise<SqliteConnection> {
  const connection = new SqliteConnection(openFile(path), path, busyTimeoutMs);
  try {
    connection.script(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
    await refuseForeign(connection);
    await connection.outside(() => configure({ script: (sql) => connection.script(sql) }));
    await migrate(connection);
    return connection;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

/** Undefined: it cannot be read either, or this version would have to change it first. */
async function openForReading(
  path: string,
  busyTimeoutMs: number,
  refusal: CicdError,
): Promise<SqliteConnection | undefined> {
  const reopen = () => reopenForWriting(path);
  for (const open of [openReadOnly, openImmutable]) {
    let connection: SqliteConnection | undefined;
    try {
      connection = new SqliteConnection(open(path), path, busyTimeoutMs, { refusal, reopen });
      connection.script(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
      if (await isCurrent(connection)) return connection;
    } catch {
      // The next way may do; that the file cannot be read at all is said by the first error.
    }
    connection?.[Symbol.dispose]();
  }
}

function openReadOnly(path: string): Database {
  return new Database(path, { readonly: true, strict: true });
}

/** Without the files that SQLite makes beside the database; only where none of them holds anything newer. */
function openImmutable(path: string): Database {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (log !== undefined && log.size > 0) throw new Error("there are changes that are not in the file yet");
  const { SQLITE_OPEN_READONLY, SQLITE_OPEN_URI } = constants;
  return new Database(`${pathToFileURL(path).href}?immutable=1`, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

function reopenForWriting(path: string): Database {
  const db = openFile(path);
  try {
    db.run(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
    configure({ script: (sql) => db.run(sql) });
    db.run("BEGIN IMMEDIATE");
    db.run("ROLLBACK");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function refusalOf(error: unknown, path: string): CicdError | undefined {
  if (!(error instanceof CicdError)) return undefined;
  if (error.code === "DISK_FULL") return error;
  if (error.code !== "PERMISSION_DENIED" && error.code !== "STORE_UNREACHABLE") return undefined;
  return new CicdError("PERMISSION_DENIED", `The database can only be read: ${path}`, { cause: error });
}

function configure({ script }: { script: (sql: string) => void }): void {
  script("PRAGMA journal_mode = WAL");
  script("PRAGMA synchronous = NORMAL");
  script("PRAGMA foreign_keys = ON");
  script("PRAGMA journal_size_limit = 67108864");
  script("PRAGMA cache_size = -16000");
  script("PRAGMA temp_store = MEMORY");
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
    else accessSync(path, fs.R_OK | fs.W_OK);
  } catch (error) {
    throw toFileError(error, path);
  }
}

function createFile(path: string): void {
  try {
    closeSync(openSync(path, fs.O_CREAT | fs.O_EXCL | fs.O_WRONLY, 0o600));
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
