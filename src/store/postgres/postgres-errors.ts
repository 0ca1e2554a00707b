import { CicdError } from "../../errors/cicd-error.ts";
import type { ErrorCode } from "../../errors/codes.ts";

/** SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) or its class; the first match counts. */
const CODES: readonly (readonly [prefix: string, code: ErrorCode])[] = [
  ["08", "STORE_UNREACHABLE"],
  ["28", "STORE_UNREACHABLE"],
  ["3D000", "STORE_UNREACHABLE"],
  ["3F000", "STORE_UNREACHABLE"],
  ["57P0", "STORE_UNREACHABLE"],
  ["53100", "DISK_FULL"],
  ["53300", "STORE_BUSY"],
  ["55P03", "STORE_BUSY"],
  ["57014", "STORE_BUSY"],
  ["40", "STORE_BUSY"],
  ["25P03", "STORE_BUSY"],
  ["42501", "PERMISSION_DENIED"],
  ["25006", "STORE_UNREACHABLE"],
  ["XX001", "STORE_CORRUPT"],
  ["XX002", "STORE_CORRUPT"],
];

/** What the driver and the operating system call a connection that cannot be made, or is gone. */
const CONNECTION_CODES = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "ENOENT",
  "EACCES",
  "EPIPE",
]);

/** Nothing came back for longer than an answer may take. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly code = "ETIMEDOUT";
}

/**
 * The transaction did not take place and may be tried anew: serialization, deadlock, a plan that was deleted between being
 * kept and being referred to, and a transaction in which this process was silent for too long.
 */
export function isTransient(error: unknown): boolean {
  return ["40001", "40P01", "23503", "25P03"].includes(codeOf(error) ?? "");
}

/** Somebody holds a lock, perhaps one who is cut off and whom the server has not given up yet. Nothing was carried out. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === "55P03";
}

export function isUnreachable(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined || isRefused(error)) return code !== undefined;
  return toCode(code) === "STORE_UNREACHABLE" && !/^(28|3D|3F)/.test(code);
}

/** Not even a connection came about, or only one to a standby: nothing of a write was carried out. */
export function isRefused(error: unknown): boolean {
  return ["ECONNREFUSED", "CONNECT_TIMEOUT", "57P03", "53300", "25006"].includes(codeOf(error) ?? "");
}

/** The connection it came from is closed, or closes now. */
export function endsConnection(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return false;
  return CONNECTION_CODES.has(code) || ["FATAL", "PANIC"].includes(severityOf(error));
}

export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === "23505";
}

/** What the driver threw as a coded error; anything else stays what it is. `location` holds no secrets. */
export function toStoreError(error: unknown, location: string): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof CicdError) return error;
  const words = error instanceof Error && error.message !== "" ? error.message : code;
  return new CicdError(toCode(code), `The database ${location} answered: ${words}`, { cause: error });
}

function toCode(code: string): ErrorCode {
  if (CONNECTION_CODES.has(code)) return "STORE_UNREACHABLE";
  return CODES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "STORE_FAILED";
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof CicdError || !("code" in error)) return undefined;
  const { code } = error;
  if (typeof code !== "string") return undefined;
  return isFromServer(error) || CONNECTION_CODES.has(code) ? code : undefined;
}

function severityOf(error: unknown): string {
  return error instanceof Error && "severity" in error ? String(error.severity) : "";
}

/** By a field of the server's message: the name of the driver's error class does not outlive minification. */
function isFromServer(error: Error): boolean {
  return "severity_local" in error;
}
