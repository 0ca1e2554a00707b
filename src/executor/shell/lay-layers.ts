import { constants } from "node:fs";
import { copyFile, lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { LayerPath } from "../../run/workspace.ts";
import { fileError, isErrno } from "./attempt-directory.ts";

/**
 * Copies the layers into an existing directory, lowest first: later ones cover earlier ones. Shares the blocks where
 * the file system can (reflink) and never links to a layer: jobs write to their copies. A link laid by one layer is
 * replaced, not followed, by the next. Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED; the signal's reason when aborted.
 */
export async function layLayers(layers: LayerPath[], target: string, signal: AbortSignal): Promise<void> {
  try {
    for (const [index, layer] of layers.entries()) await layDirectory(layer, target, index > 0, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw fileError(error, "fill the workspace");
  }
}

/** `covers`: something may be there already. */
async function layDirectory(
  source: string,
  target: string,
  covers: boolean,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const entries = await readdir(source, { withFileTypes: true });
  const directories = entries.filter((entry) => entry.isDirectory());
  await Promise.all(
    entries.map(async (entry) => {
      const from = join(source, entry.name);
      const to = join(target, entry.name);
      if (entry.isSymbolicLink()) await layLink(from, to, covers);
      else if (entry.isFile()) await layFile(from, to, covers);
    }),
  );
  for (const { name } of directories) {
    const to = join(target, name);
    const fresh = await makeRealDirectory(to);
    await layDirectory(join(source, name), to, covers && !fresh, signal);
  }
}

async function layLink(from: string, to: string, covers: boolean): Promise<void> {
  if (covers) await rm(to, { recursive: true, force: true });
  await symlink(await readlink(from), to);
}

async function layFile(from: string, to: string, covers: boolean): Promise<void> {
  if (covers) await rm(to, { recursive: true, force: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** Returns false when the directory was there. */
async function makeRealDirectory(path: string): Promise<boolean> {
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
