import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CicdError, messageOf } from "../errors/cicd-error.ts";

/** Makes the state directory, for its owner only. Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED. */
export function makeStateDir(path: string): void {
  try {
    if (mkdirSync(path, { recursive: true, mode: 0o700 }) === undefined && isOpenToOthers(path)) {
      chmodSync(path, 0o700);
    }
  } catch (error) {
    throw stateError(path, error);
  }
}

export function isOpenToOthers(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0;
}

/**
 * The content of a small file of the state directory, made by `create` by whoever comes first; every process sees the
 * same, whole content. Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED.
 */
export function readOrCreate(path: string, create: () => string): string {
  try {
    const existing = readIfThere(path);
    if (existing !== undefined) return existing;
    const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
    writeFileSync(draft, create(), { mode: 0o600, flag: "wx" });
    try {
      linkSync(draft, path);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    throw stateError(path, error);
  }
}

const INSTANCE_PATTERN = /^[a-z0-9]{12}$/;

/** What this installation labels its containers with: 12 characters of `[a-z0-9]`, one per state directory. */
export function readInstanceId(stateDir: string): string {
  const path = join(stateDir, "instance");
  const make = () => randomBytes(6).toString("hex");
  const found = readOrCreate(path, make).trim();
  if (INSTANCE_PATTERN.test(found)) return found;
  throw new CicdError("IO_FAILED", `${path} is damaged`, { hint: "delete it: a new one is made" });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function stateError(path: string, error: unknown): CicdError {
  if (error instanceof CicdError) return error;
  const options = { cause: error, hint: "set CICD_STATE_DIR to a directory that you can write to" };
  const errno = errnoOf(error);
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    return new CicdError("DISK_FULL", `the disk of ${path} is full`, { cause: error });
  }
  if (errno === "EACCES" || errno === "EPERM" || errno === "EROFS") {
    return new CicdError("PERMISSION_DENIED", `${path} cannot be written: ${messageOf(error)}`, options);
  }
  return new CicdError("IO_FAILED", `${path} cannot be used: ${messageOf(error)}`, options);
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
