import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import type { LayerPath } from "../run/workspace.ts";

/**
 * An uncompressed tar of the files, directories and links of layers with their modes, one layer after the other and each by name;
 * read as fast as it is taken.
 * Aborting `signal` or canceling it ends the reading. It errors with what the file system throws.
 */
export function packLayers(layers: readonly LayerPath[], signal: AbortSignal): ReadableStream<Uint8Array> {
  const archive = pack();
  const fill = async () => {
    for (const layer of layers) await addDirectory(archive, layer, "", signal);
    archive.finalize();
  };
  fill().catch((error: unknown) =>
    archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.toWeb(Readable.from(archive)) as unknown as ReadableStream<Uint8Array>;
}

async function addDirectory(
  archive: Pack,
  root: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const names = await readdir(join(root, directory));
  for (const name of names.sort()) {
    signal.throwIfAborted();
    const path = directory === "" ? name : `${directory}/${name}`;
    const { mode, mtime, size, ...kind } = await describe(join(root, path));
    const header = { name: path, mode: mode & 0o777, mtime };
    if (kind.isDirectory) {
      archive.entry({ ...header, type: "directory" });
      await addDirectory(archive, root, path, signal);
    } else if (kind.isLink) {
      archive.entry({ ...header, type: "symlink", linkname: await readlink(join(root, path)) });
    } else {
      await pipeline(createReadStream(join(root, path)), archive.entry({ ...header, size }));
    }
  }
}

async function describe(path: string) {
  const found = await lstat(path);
  const { mode, mtime, size } = found;
  return { mode, mtime, size, isDirectory: found.isDirectory(), isLink: found.isSymbolicLink() };
}
