import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { type LayerEntry, nameOfLayer } from "./layer-builder.ts";
import { listBelow } from "./list-below.ts";
import { shortHash } from "./state-directory.ts";

/** Up to this size a file is read at once. */
const SMALL_BYTES = 256 * 1024;
/** Other work gets its turn after so much of this. */
const TURN_MS = 20;

/** A layer as its files say: `contents` by inode, the SHA-256 of each file. */
export interface ReadLayer {
  name: string;
  contents: ReadonlyMap<number, string>;
}

/** Reads every byte of a layer. Throws what the file system throws. */
export async function readLayer(layer: string): Promise<ReadLayer> {
  const entries = new Map<string, LayerEntry>();
  const contents = new Map<number, string>();
  const turn = takeTurns();
  for (const path of await listBelow(layer)) {
    const file = join(layer, path);
    const stats = lstatSync(file);
    if (stats.isDirectory()) entries.set(path, { kind: "directory" });
    else if (stats.isSymbolicLink()) entries.set(path, { kind: "link", target: readlinkSync(file) });
    else {
      const sha256 = contents.get(stats.ino) ?? (await hashFile(file, stats));
      contents.set(stats.ino, sha256);
      entries.set(path, { kind: "file", sha256, executable: (stats.mode & 0o111) !== 0 });
    }
    await turn();
  }
  return { name: nameOfLayer(entries), contents };
}

/** A hash over names, sizes and times: where it is as it was, nobody has written to the layer's files. */
export async function printOfLayer(layer: string): Promise<string> {
  const lines: string[] = [];
  const turn = takeTurns();
  for (const path of await listBelow(layer)) {
    const { ino, mode, size, mtimeMs } = lstatSync(join(layer, path));
    // A directory's size and time follow from what is done elsewhere in it, such as marking it as used.
    const isDirectory = (mode & 0o170000) === 0o040000;
    lines.push(JSON.stringify(isDirectory ? [path] : [path, ino, mode, size, mtimeMs]));
    await turn();
  }
  return shortHash(lines.sort().join("\n"));
}

export async function hashFile(path: string, { size }: Pick<Stats, "size">): Promise<string> {
  const hash = createHash("sha256");
  if (size <= SMALL_BYTES) hash.update(readFileSync(path));
  else for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}

function takeTurns(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN_MS) return;
    await Bun.sleep(0);
    since = performance.now();
  };
}
