import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { printOfLayer, type ReadLayer, readLayer } from "./read-layer.ts";
import { type StateDirectory, writeWhole } from "./state-directory.ts";

/** A layer whose files have kept size and time is not read again for so long. */
const CHECKED_MS = 24 * 60 * 60 * 1000;
/** Of the files in `state.caches` that say when a layer was read and what its files were. */
export const CHECKED_SUFFIX = ".checked";

/** Whether a layer holds what its name says. One that does not is taken away, with the blobs that are wrong. */
export async function checkLayer(state: StateDirectory, layer: string): Promise<boolean> {
  const path = join(state.layers, layer);
  const mark = join(state.caches, `${layer}${CHECKED_SUFFIX}`);
  const print = await printOfLayer(path);
  const checked = await lstat(mark).catch(() => undefined);
  if (checked !== undefined && Date.now() - checked.mtimeMs < CHECKED_MS)
    if (readFileSync(mark, "utf8") === print) return true;
  const read = await readLayer(path);
  if (read.name === layer) {
    await writeWhole(state, mark, print);
    return true;
  }
  await rename(path, join(state.temporary, `damaged-${randomBytes(9).toString("hex")}`));
  await removeWrongBlobs(state, read);
  return false;
}

/** A blob is a further name of a layer's file; one that is not what it is called would be linked again. */
async function removeWrongBlobs(state: StateDirectory, { contents }: ReadLayer): Promise<void> {
  for (const fan of await readdir(state.blobs)) {
    for (const name of await readdir(join(state.blobs, fan))) {
      const path = join(state.blobs, fan, name);
      const stats = await lstat(path).catch(() => undefined);
      const found = stats && contents.get(stats.ino);
      if (found !== undefined && found !== fan + name.replace(/\.x$/, "")) await rm(path, { force: true });
    }
  }
}
