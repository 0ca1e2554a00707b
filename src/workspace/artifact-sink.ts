import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  read,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { CicdError } from "../errors/cicd-error.ts";
import type { ArtifactSink, StoredLayer } from "../run/workspace.ts";
import type { BlobStore } from "./blob-store.ts";
import { EntryLeftOut, refused } from "./entry-path.ts";
import { hasErrno, ioError } from "./io-error.ts";
import { LayerBuilder, type LayerLimits } from "./layer-builder.ts";
import { makeOpenDirectory } from "./open-permissions.ts";
import { readTar, type TarEntry } from "./safe-tar.ts";
import { markUsed, openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";

const READ_BYTES = 1024 * 1024;
/** Entries of a directory that are looked at before other work gets its turn. */
const BATCH = 200;
const readAsync = promisify(read);
/** Of the entries left out; the others are only counted. */
const MAX_NAMED = 20;
const DOING = "storing artifacts";

/** Begins a layer in a temporary directory that goes away with the sink unless it was committed. */
export async function openArtifactSink(
  state: StateDirectory,
  blobs: BlobStore,
  limits: LayerLimits,
): Promise<ArtifactSink> {
  const directory = await openTemporaryDirectory(state, "layer");
  const root = join(directory.path, "files");
  try {
    makeOpenDirectory(root);
  } catch (error) {
    throw ioError(error, DOING);
  }
  return new Sink(
    state,
    directory,
    root,
    new LayerBuilder(root, join(directory.path, "part"), blobs, limits),
  );
}

class Sink implements ArtifactSink {
  private committed: Promise<StoredLayer> | undefined;
  private readonly leftOut: StoredLayer["leftOut"] = { entries: [], count: 0 };

  constructor(
    private readonly state: StateDirectory,
    private readonly directory: AsyncDisposable,
    private readonly root: string,
    private readonly builder: LayerBuilder,
  ) {}

  async addTar(
    tar: AsyncIterable<Uint8Array>,
    options: { toPath: (entryName: string) => string; accept: (path: string) => boolean },
  ): Promise<number> {
    let taken = 0;
    try {
      for await (const entry of readTar(tar, { ...options, count: () => this.builder.countEntry() })) {
        if ((await this.isTaken(() => this.add(entry))) && entry.kind !== "directory") taken += 1;
      }
    } catch (error) {
      throw ioError(error, DOING);
    }
    return taken;
  }

  async addDirectory(root: string, options: { accept: (path: string) => boolean }): Promise<number> {
    try {
      return await this.walk(await realpath(root), "", options.accept);
    } catch (error) {
      throw ioError(error, DOING);
    }
  }

  commit(): Promise<StoredLayer> {
    this.committed ??= this.moveIntoPlace();
    return this.committed;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.directory[Symbol.asyncDispose]();
  }

  /** False, and remembered, when the entry is one to leave out. */
  private async isTaken(add: () => Promise<void>): Promise<boolean> {
    try {
      await add();
      return true;
    } catch (error) {
      if (!(error instanceof EntryLeftOut)) throw error;
      const { path, why } = error;
      this.leftOut.count += 1;
      if (this.leftOut.count <= MAX_NAMED) this.leftOut.entries.push({ path, why });
      return false;
    }
  }

  private async add(entry: TarEntry): Promise<void> {
    switch (entry.kind) {
      case "directory":
        return this.builder.addDirectory(entry.path);
      case "link":
        return this.builder.addLink(entry.path, entry.target);
      case "hardlink":
        return this.builder.addHardLink(entry.path, entry.source);
      case "file":
        return this.builder.addFile(entry.path, entry, entry.content);
      case "special":
        throw new EntryLeftOut(entry.path, `it is a ${entry.type}`);
    }
  }

  private async walk(root: string, directory: string, accept: (path: string) => boolean): Promise<number> {
    let taken = 0;
    for (const name of readdirSync(join(root, directory)).sort()) {
      this.builder.countEntry();
      if (this.builder.seen % BATCH === 0) await Bun.sleep(0);
      const path = directory === "" ? name : `${directory}/${name}`;
      const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
      if (stats?.isDirectory()) {
        if (accept(path)) this.builder.addDirectory(path);
        taken += await this.walk(root, path, accept);
      } else if (stats !== undefined && accept(path)) {
        if (await this.isTaken(() => this.addFromHost(root, path, stats))) taken += 1;
      }
    }
    return taken;
  }

  private async addFromHost(root: string, path: string, stats: Stats): Promise<void> {
    if (stats.isSymbolicLink()) return this.builder.addLink(path, readlinkSync(join(root, path)));
    if (!stats.isFile()) throw new EntryLeftOut(path, "it is a device, a pipe or a socket");
    const file = openInside(root, path);
    try {
      const { size, mode, mtimeMs } = fstatSync(file);
      const facts = { executable: (mode & 0o111) !== 0, sizeBytes: size, mtimeMs };
      await this.builder.addFile(path, facts, contentOf(file, size));
    } finally {
      closeSync(file);
    }
  }

  private async moveIntoPlace(): Promise<StoredLayer> {
    const described = { ...this.builder.describe(), leftOut: this.leftOut };
    if (described.layer === null) return described;
    const path = join(this.state.layers, described.layer);
    try {
      await rename(this.root, path);
    } catch (error) {
      if (!hasErrno(error, "ENOTEMPTY", "EEXIST")) throw ioError(error, DOING);
    }
    if (await markUsed(path)) return described;
    throw new CicdError("IO_FAILED", `The artifact layer ${described.layer} vanished while it was stored.`);
  }
}

/**
 * Opens a regular file whose path has no link in it. A process that the job left behind may exchange a directory for a
 * link between two calls; where the opened file really is, the kernel says afterwards (on Linux).
 */
function openInside(root: string, path: string): number {
  const expected = join(root, path);
  const file = openSync(expected, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const real = process.platform === "linux" ? readlinkSync(`/proc/self/fd/${file}`) : realpathSync(expected);
  if (real === expected && fstatSync(file).isFile()) return file;
  closeSync(file);
  throw refused(path, "it was exchanged for a link while it was read");
}

/** Small files are read at once: a turn of the event loop costs more than they do. */
async function* contentOf(file: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let offset = 0;
  while (offset < sizeBytes) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, sizeBytes - offset));
    const bytesRead =
      sizeBytes <= READ_BYTES
        ? readSync(file, buffer, 0, buffer.length, offset)
        : (await readAsync(file, buffer, 0, buffer.length, offset)).bytesRead;
    if (bytesRead === 0) return;
    offset += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
