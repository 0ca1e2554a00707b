import { constants, type Stats } from "node:fs";
import { link, mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Files } from "../app/app.ts";
import { CicdError, messageOf } from "../errors/cicd-error.ts";

const MAX_TEXT_BYTES = 1024 * 1024 + 1;

/** The plain files of this host. */
export const localFiles: Files = { readText, readBelow, list, create, save };

async function readText(path: string): Promise<string> {
  // Without O_NONBLOCK opening a FIFO waits for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw readError(path, error);
  });
  try {
    const kind = kindOf(await file.stat());
    if (kind !== undefined) throw new CicdError("CONFIG_UNREADABLE", `${path} is ${kind}, not a file`);
    const buffer = Buffer.allocUnsafe(MAX_TEXT_BYTES);
    let length = 0;
    while (length < MAX_TEXT_BYTES) {
      const { bytesRead } = await file.read(buffer, length, MAX_TEXT_BYTES - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.toString("utf8", 0, length);
  } catch (error) {
    throw readError(path, error);
  } finally {
    await file.close();
  }
}

async function readBelow(root: string, path: string): Promise<string | undefined> {
  const named = join(root, path);
  try {
    const [top, found] = await Promise.all([realpath(root), realpath(named)]);
    if (!found.startsWith(join(top, "/")))
      throw new CicdError("CONFIG_UNREADABLE", `${named} is a link that leads out of the repository`, {
        hint: "put a copy of the file in its place",
      });
    return (await stat(found)).isFile() ? await readText(found) : undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw readError(named, error);
  }
}

function kindOf(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a named pipe";
  return "a device";
}

function readError(path: string, error: unknown): CicdError {
  if (error instanceof CicdError) return error;
  const errno = errnoOf(error);
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    return new CicdError("CONFIG_NOT_FOUND", `there is no file ${path}`, {
      hint: "make a first pipeline with: cicd init",
      cause: error,
    });
  }
  return new CicdError("CONFIG_UNREADABLE", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
}

async function list(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw writeError(directory, error);
  }
}

async function create(path: string, text: string): Promise<boolean> {
  await makeDirectory(dirname(path));
  try {
    await using file = await open(path, "wx");
    await file.writeFile(text);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw writeError(path, error);
  }
}

async function save(
  path: string,
  bytes: ReadableStream<Uint8Array>,
  options: { force: boolean },
): Promise<boolean> {
  const directory = dirname(path);
  await makeDirectory(directory);
  const draft = join(directory, `.cicd-${crypto.randomUUID()}`);
  try {
    await writeFile(draft, bytes, { flag: "wx" });
    if (options.force) await rename(draft, path);
    else await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw writeError(path, error);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Makes a directory with those above it. Throws USAGE where something else has that name, and as `writeError` says. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    if (!["EEXIST", "ENOTDIR", "ENOENT", "ELOOP"].includes(errnoOf(error) ?? "")) {
      throw writeError(directory, error);
    }
    const culprit = await nearestObstacle(directory);
    throw new CicdError("USAGE", `${culprit} is not a directory`, {
      hint: "name a directory, or move away what is there",
      cause: error,
    });
  }
}

/** The topmost part of a path that is there, but no directory and no link to one. */
async function nearestObstacle(directory: string): Promise<string> {
  const parent = dirname(directory);
  if (parent !== directory && !(await isDirectory(parent))) return nearestObstacle(parent);
  return directory;
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** What the operating system said about a path, in one of our codes. */
export function writeError(path: string, error: unknown): CicdError {
  if (error instanceof CicdError) return error;
  const errno = errnoOf(error);
  const message = `${path}: ${messageOf(error)}`;
  if (errno === "ENOSPC" || errno === "EDQUOT") return new CicdError("DISK_FULL", message, { cause: error });
  if (errno === "EACCES" || errno === "EPERM" || errno === "EROFS") {
    return new CicdError("PERMISSION_DENIED", message, { cause: error });
  }
  return new CicdError("IO_FAILED", message, { cause: error });
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
