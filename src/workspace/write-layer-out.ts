import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { LayerPath } from "../run/workspace.ts";
import { hasErrno, ioError } from "./io-error.ts";

/**
 * Writes a layer's files for a user: into a fresh directory beside `directory`, renamed when complete, with the user's
 * umask. Refuses with USAGE to write to what is no directory. Where there is something already: refuses with USAGE, or,
 * with `force`, puts the files among what is there, each replaced in one step and never through a link; a directory is
 * never replaced by a file. Throws DISK_FULL, PERMISSION_DENIED, IO_FAILED.
 */
export async function writeLayerOut(
  layer: LayerPath,
  directory: string,
  options: { force: boolean },
  signal: AbortSignal,
): Promise<void> {
  const target = resolve(directory);
  await refuseOtherThanDirectory(target);
  const fresh = join(dirname(target), `.cicd-${crypto.randomUUID()}`);
  try {
    if (!options.force) await refuseNonEmpty(target);
    await mkdir(dirname(target), { recursive: true });
    await copyTree(layer, fresh, signal);
    if (await isMissing(target)) await rename(fresh, target);
    else await mergeInto(fresh, target);
  } catch (error) {
    throw ioError(error, `writing artifacts to ${directory}`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function refuseOtherThanDirectory(target: string): Promise<void> {
  const there = await stat(target).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return undefined;
    if (!hasErrno(error, "ENOTDIR")) throw ioError(error, `looking at ${target}`);
    throw new CicdError("USAGE", `${dirname(target)} is not a directory.`);
  });
  if (there !== undefined && !there.isDirectory())
    throw new CicdError("USAGE", `${target} is not a directory.`, { hint: "Name another directory." });
}

async function refuseNonEmpty(target: string): Promise<void> {
  const names = await readdir(target).catch((error: unknown) => {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  });
  if (names.length > 0)
    throw new CicdError("USAGE", `${target} is there already and not empty.`, {
      hint: "Name another directory, or use --force to put the files into this one.",
    });
}

async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  await mkdir(to);
  const umask = process.umask();
  for (const entry of await readdir(from, { withFileTypes: true })) {
    signal.throwIfAborted();
    const source = join(from, entry.name);
    const copy = join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, copy, signal);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), copy);
    else {
      await copyFile(source, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      await chmod(copy, (await lstat(source)).mode & 0o777 & ~umask);
    }
  }
}

async function mergeInto(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    const there = await lstat(target).catch(() => undefined);
    if (entry.isDirectory() && there?.isDirectory()) await mergeInto(source, target);
    else {
      if (there?.isDirectory())
        throw new CicdError("USAGE", `${target} is a directory where a file has to go.`);
      if (entry.isDirectory()) await rm(target, { force: true });
      await rename(source, target);
    }
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return true;
    throw error;
  }
}
