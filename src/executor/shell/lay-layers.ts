import { constants, type Stats } from "node:fs";
import { copyFile, lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import type { LayerPath } from "../../run/workspace.ts";
import { fileError, isErrno } from "./attempt-directory.ts";
import { joinBytes } from "./join-bytes.ts";

/**
 * Copies the layers into an existing directory, lowest first: later ones cover earlier ones. Shares the blocks where
 * the file system can (reflink) and never links to a layer: jobs write to their copies. A link laid by one layer is
 * replaced, not followed, by the next. Names and link targets keep their bytes, text or not. Throws PERMISSION_DENIED,
 * DISK_FULL, IO_FAILED; the signal's reason when aborted.
 */
export async function layLayers(layers: LayerPath[], target: string, signal: AbortSignal): Promise<void> {
  try {
    for (const [index, layer] of layers.entries()) {
      await layDirectory(Buffer.from(layer), Buffer.from(target), index > 0, signal);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw fileError(error, "fill the workspace");
  }
}

/** `covers`: something may be there already. */
async function layDirectory(
  source: Buffer,
  target: Buffer,
  covers: boolean,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const names = await readdir(source, { encoding: "buffer" });
  const directories: Buffer[] = [];
  await Promise.all(
    names.map(async (name) => {
      const from = joinBytes(source, name);
      const info = await lstat(from);
      if (info.isDirectory()) directories.push(name);
      else await layEntry(info, from, joinBytes(target, name), covers);
    }),
  );
  for (const name of directories) {
    const to = joinBytes(target, name);
    const fresh = await makeRealDirectory(to);
    await layDirectory(joinBytes(source, name), to, covers && !fresh, signal);
  }
}

async function layEntry(info: Stats, from: Buffer, to: Buffer, covers: boolean): Promise<void> {
  if (covers) await rm(to, { recursive: true, force: true });
  if (info.isSymbolicLink()) await symlink(await readlink(from, { encoding: "buffer" }), to);
  else if (info.isFile()) await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** Returns false when the directory was there. */
async function makeRealDirectory(path: Buffer): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  if ((await lstat(path)).isDirectory()) return false;
  await rm(path);
  await mkdir(path);
  return true;
}
