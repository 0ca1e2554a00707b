import { constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { Readable } from "node:stream";
import type { LayerPath } from "../../run/workspace.ts";
import { TAR_END, tarHeader, tarPadding } from "./tar-writer.ts";

/** A small tar, held in memory: directories end in `/`. Owner root. */
export function makeArchive(entries: { name: string; mode: number; text?: string }[]): Buffer {
  const parts = entries.flatMap(({ name, mode, text = "" }) => {
    const content = Buffer.from(text);
    const type = name.endsWith("/") ? ("directory" as const) : ("file" as const);
    const header = { type, name: Buffer.from(name), mode, sizeBytes: content.length, mtimeMs: Date.now() };
    return [tarHeader(header), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

/**
 * The layers as one uncompressed tar below `directory` (relative, without a trailing slash), lowest first so that later
 * ones cover earlier ones; streamed. Everything is writable for everybody, so that a job of any user can work. Names and
 * link targets keep their bytes, text or not. `packed` rejects when a layer cannot be read; the tar then breaks off.
 */
export function packLayers(layers: LayerPath[], directory: string): { tar: Readable; packed: Promise<void> } {
  const tar = Readable.from(inBatches(packAll(layers, Buffer.from(directory))), { objectMode: false });
  const packed = new Promise<void>((resolve, reject) => {
    tar.once("end", resolve).once("error", reject);
  });
  return { tar, packed };
}

const BATCH_BYTES = 256 * 1024;
const SLASH = Buffer.from("/");

async function* packAll(layers: LayerPath[], directory: Buffer): AsyncGenerator<Buffer, void, undefined> {
  const name = Buffer.concat([directory, SLASH]);
  yield tarHeader({ type: "directory", name, mode: 0o777, sizeBytes: 0, mtimeMs: Date.now() });
  for (const layer of layers) yield* packDirectory(Buffer.from(layer), directory);
  yield TAR_END;
}

async function* packDirectory(source: Buffer, target: Buffer): AsyncGenerator<Buffer, void, undefined> {
  for (const entry of (await readdir(source, { encoding: "buffer" })).sort(Buffer.compare)) {
    const from = Buffer.concat([source, SLASH, entry]);
    const name = Buffer.concat([target, SLASH, entry]);
    const info = await lstat(from);
    const { mtimeMs } = info;
    if (info.isSymbolicLink()) {
      const linkTarget = await readlink(from, { encoding: "buffer" });
      yield tarHeader({ type: "symlink", name, mode: 0o777, sizeBytes: 0, mtimeMs, linkTarget });
    } else if (info.isDirectory()) {
      const asDirectory = Buffer.concat([name, SLASH]);
      yield tarHeader({ type: "directory", name: asDirectory, mode: 0o777, sizeBytes: 0, mtimeMs });
      yield* packDirectory(from, name);
    } else if (info.isFile()) {
      const mode = info.mode & constants.S_IXUSR ? 0o777 : 0o666;
      yield tarHeader({ type: "file", name, mode, sizeBytes: info.size, mtimeMs });
      yield* readExactly(from, info.size);
      yield tarPadding(info.size);
    }
  }
}

/** Throws when the file is shorter than it was. */
async function* readExactly(path: Buffer, sizeBytes: number): AsyncGenerator<Buffer, void, undefined> {
  if (sizeBytes === 0) return;
  const file = await open(path, "r");
  try {
    for (let left = sizeBytes; left > 0; ) {
      const buffer = Buffer.allocUnsafe(Math.min(left, BATCH_BYTES));
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) throw new Error(`the file ${path} became shorter while it was read`);
      yield buffer.subarray(0, bytesRead);
      left -= bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** The same bytes in fewer pieces. */
async function* inBatches(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    batch.push(piece);
    bytes += piece.length;
    if (bytes < BATCH_BYTES) continue;
    yield Buffer.concat(batch);
    batch = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(batch);
}
