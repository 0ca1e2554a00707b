import { CicdError } from "../../errors/cicd-error.ts";
import type { ErrorCode } from "../../errors/codes.ts";

/** A result code of SQLite (https://www.sqlite.org/rescode.html), by the start of its name; the first match counts. */
const CODES: readonly (readonly [prefix: string, code: ErrorCode, message: string, hint?: string])[] = [
  [
    "SQLITE_BUSY",
    "STORE_BUSY",
    "The database stayed locked by another process",
    "Try again when it is done.",
  ],
  ["SQLITE_LOCKED", "STORE_BUSY", "The database stayed locked", "Try again."],
  ["SQLITE_FULL", "DISK_FULL", "The disk of the database is full", "Free some space, or run cicd gc."],
  [
    "SQLITE_IOERR_SHMSIZE",
    "DISK_FULL",
    "The disk of the database is full",
    "Free some space, or run cicd gc.",
  ],
  ["SQLITE_CORRUPT", "STORE_CORRUPT", "The database file is damaged", "Move it away to start anew."],
  ["SQLITE_IOERR_CORRUPTFS", "STORE_CORRUPT", "The database file is damaged", "Move it away to start anew."],
  ["SQLITE_IOERR_SHORT_READ", "STORE_CORRUPT", "The database file is damaged", "Move it away to start anew."],
  ["SQLITE_NOTADB", "STORE_CORRUPT", "The file is not a database", "Move it away, or name another file."],
  ["SQLITE_READONLY", "PERMISSION_DENIED", "The database cannot be written to"],
  ["SQLITE_PERM", "PERMISSION_DENIED", "The database cannot be accessed"],
  ["SQLITE_CANTOPEN", "STORE_UNREACHABLE", "The database file cannot be opened"],
];

export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true;
}

/** What SQLite threw about the file at `path` as a coded error; anything else stays what it is. */
export function toStoreError(error: unknown, path: string): unknown {
  const name = sqliteCode(error);
  if (name === undefined) return error;
  const known = CODES.find(([prefix]) => name.startsWith(prefix));
  if (known === undefined) {
    const words = error instanceof Error ? error.message : name;
    return new CicdError("STORE_FAILED", `The database ${path} answered: ${words}`, { cause: error });
  }
  const [, code, message, hint] = known;
  return new CicdError(code, `${message}: ${path}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : undefined;
}
