import { constants, createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { LayerPath } from "../../run/workspace.ts";

/** A small tar, held in memory: directories end in `/`. Owner root. */
export async function makeArchive(entries: { name: string; mode: number; text?: string }[]): Promise<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  for (const { name, mode, text } of entries) {
    if (name.endsWith("/")) tar.entry({ name, mode, type: "directory" });
    else tar.entry({ name, mode }, text ?? "");
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/**
 * The layers as one uncompressed tar below `directory` (relative, without a trailing slash), lowest first so that later
 * ones cover earlier ones; streamed. Everything is writable for everybody, so that a job of any user can work. `packed`
 * rejects when a layer cannot be read; the tar then never ends.
 */
export async function packLayers(
  layers: LayerPath[],
  directory: string,
): Promise<{ tar: Readable; packed: Promise<void> }> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  const packAll = async () => {
    await entry(tar, { name: `${directory}/`, type: "directory", mode: 0o777 });
    for (const layer of layers) await packDirectory(tar, layer, directory);
    tar.finalize();
  };
  return { tar: Readable.from(tar, { objectMode: false }), packed: packAll() };
}

type Pack = ReturnType<typeof import("tar-stream")["pack"]>;
type Header = Parameters<Pack["entry"]>[0];

async function packDirectory(tar: Pack, source: string, target: string): Promise<void> {
  for (const name of (await readdir(source)).sort()) {
    const from = join(source, name);
    const to = `${target}/${name}`;
    const info = await lstat(from);
    const mtime = info.mtime;
    if (info.isSymbolicLink()) {
      await entry(tar, { name: to, type: "symlink", linkname: await readlink(from), mtime });
    } else if (info.isDirectory()) {
      await entry(tar, { name: `${to}/`, type: "directory", mode: 0o777, mtime });
      await packDirectory(tar, from, to);
    } else if (info.isFile()) {
      const mode = info.mode & constants.S_IXUSR ? 0o777 : 0o666;
      await fileEntry(tar, { name: to, mode, size: info.size, mtime }, from);
    }
  }
}

function entry(tar: Pack, header: Header): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, "", (error) => (error ? reject(error) : resolve()));
  });
}

async function fileEntry(tar: Pack, header: Header & { size: number }, path: string): Promise<void> {
  if (header.size === 0) return await entry(tar, header);
  const written = Promise.withResolvers<void>();
  const sink = tar.entry(header, (error) => (error ? written.reject(error) : written.resolve()));
  await Promise.all([pipeline(createReadStream(path), sink), written.promise]);
}
