import { createHash } from "node:crypto";
import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { ArtifactRecord } from "../run/records.ts";
import type { BlobStore } from "./blob-store.ts";
import { checkEntryName, checkLinkTarget, checkLinkText, EntryLeftOut, refused } from "./entry-path.ts";
import { makeOpenDirectory } from "./open-permissions.ts";
import { NAME_LENGTH } from "./state-directory.ts";

/** What one layer may hold. Archives are never compressed here, so there is no ratio to limit. */
export interface LayerLimits {
  maxBytes: number;
  /** Entries looked at, taken or not. */
  maxEntries: number;
  maxPathBytes: number;
  /** `any`: links may lead out of the workspace. They are never followed on this host. */
  links?: "inside" | "any";
}

export const DEFAULT_LAYER_LIMITS: LayerLimits = {
  maxBytes: 20 * 1024 ** 3,
  maxEntries: 1_000_000,
  maxPathBytes: 2048,
};

/** What of an entry belongs to the layer's identity. */
export type LayerEntry =
  | { kind: "directory" }
  | { kind: "link"; target: string }
  | { kind: "file"; sha256: string; executable: boolean };

type BuiltEntry =
  | Exclude<LayerEntry, { kind: "file" }>
  | (Extract<LayerEntry, { kind: "file" }> & { sizeBytes: number; mtimeMs: number });

/** Up to this size a file is hashed in memory, and not written at all when its content is known. */
const SMALL_BYTES = 256 * 1024;

/**
 * Builds one layer below `root`, an existing directory that nobody else writes. Each parent of an entry must be a
 * directory of this layer, so nothing is ever written through a link. Throws ARCHIVE_REFUSED, EntryLeftOut, and what the
 * file system throws.
 */
export class LayerBuilder {
  private readonly entries = new Map<string, BuiltEntry>();
  private bytes = 0;
  /** One moment for the whole layer: files of one second must not come out of order. */
  private readonly now = Date.now();
  private looked = 0;

  constructor(
    private readonly root: string,
    /** A path beside `root` for the file being written. */
    private readonly part: string,
    private readonly blobs: BlobStore,
    readonly limits: LayerLimits,
  ) {}

  /** Entries counted so far. */
  get seen(): number {
    return this.looked;
  }

  countEntry(): void {
    this.looked += 1;
    if (this.looked > this.limits.maxEntries)
      throw refused(".", `there are more than ${this.limits.maxEntries} entries`);
  }

  addDirectory(path: string): void {
    checkEntryName(path, this.limits.maxPathBytes);
    const existing = this.entries.get(path);
    if (existing?.kind === "directory") return;
    if (existing !== undefined) throw refused(path, "it is a directory and something else as well");
    this.makeParents(path);
    makeOpenDirectory(join(this.root, path));
    this.entries.set(path, { kind: "directory" });
  }

  addLink(path: string, target: string): void {
    if (this.limits.links === "any") checkLinkText(path, target);
    else checkLinkTarget(path, target);
    const destination = this.makeRoom(path);
    symlinkSync(target, destination);
    this.entries.set(path, { kind: "link", target });
  }

  /** A second name of a file taken before. */
  addHardLink(path: string, source: string): void {
    const file = this.entries.get(source);
    if (file?.kind !== "file")
      throw new EntryLeftOut(path, `it is a hard link to ${source}, which is not among the files taken`);
    if (path === source) return;
    const destination = this.makeRoom(path);
    this.blobs.place(file, destination, (to) => copyFileSync(join(this.root, source), to));
    this.entries.set(path, file);
  }

  async addFile(
    path: string,
    facts: { executable: boolean; sizeBytes: number; mtimeMs: number },
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const destination = this.makeRoom(path);
    this.take(path, facts.sizeBytes);
    const mtimeMs = roundUp(facts.mtimeMs, this.now);
    const { sha256, sizeBytes, write } =
      facts.sizeBytes <= SMALL_BYTES
        ? await readSmall(content)
        : await this.writePart(path, facts.sizeBytes, content);
    const file = { kind: "file", executable: facts.executable, mtimeMs, sha256, sizeBytes } as const;
    this.blobs.place(file, destination, write);
    this.entries.set(path, file);
  }

  /** The layer's name, from its content alone, and its files. Null: it is empty. */
  describe(): { layer: string | null; artifacts: ArtifactRecord[] } {
    if (this.entries.size === 0) return { layer: null, artifacts: [] };
    const artifacts: ArtifactRecord[] = [];
    for (const path of [...this.entries.keys()].sort()) {
      const entry = this.entries.get(path)!;
      if (entry.kind === "file") artifacts.push({ path, sizeBytes: entry.sizeBytes, sha256: entry.sha256 });
    }
    return { layer: nameOfLayer(this.entries), artifacts };
  }

  /** Where a file or link may be made: its parents are there, and nothing stands in its place. */
  private makeRoom(path: string): string {
    checkEntryName(path, this.limits.maxPathBytes);
    const existing = this.entries.get(path);
    if (existing?.kind === "directory") throw refused(path, "it is a directory and something else as well");
    this.makeParents(path);
    const destination = join(this.root, path);
    if (existing !== undefined) {
      rmSync(destination);
      this.entries.delete(path);
    }
    return destination;
  }

  private makeParents(path: string): void {
    const end = path.lastIndexOf("/");
    if (end < 0) return;
    const parent = path.slice(0, end);
    const existing = this.entries.get(parent);
    if (existing?.kind === "directory") return;
    if (existing !== undefined) throw refused(path, `${parent} above it is not a directory`);
    this.makeParents(parent);
    makeOpenDirectory(join(this.root, parent));
    this.entries.set(parent, { kind: "directory" });
  }

  private take(path: string, sizeBytes: number): void {
    this.bytes += sizeBytes;
    if (this.bytes > this.limits.maxBytes)
      throw refused(path, `the total is larger than ${this.limits.maxBytes} bytes`);
  }

  private async writePart(path: string, limit: number, content: AsyncIterable<Uint8Array>): Promise<Content> {
    const hash = createHash("sha256");
    // A content that was known already left its part behind.
    const handle = await open(this.part, "w", 0o600);
    let sizeBytes = 0;
    try {
      for await (const chunk of content) {
        sizeBytes += chunk.length;
        if (sizeBytes > limit) throw refused(path, "it grew while it was read");
        hash.update(chunk);
        await writeFully(handle, chunk);
      }
    } finally {
      await handle.close();
    }
    const sha256 = hash.digest("hex");
    return { sha256, sizeBytes, write: (to) => renameSync(this.part, to) };
  }
}

interface Content {
  sha256: string;
  sizeBytes: number;
  write: (to: string) => void;
}

async function readSmall(content: AsyncIterable<Uint8Array>): Promise<Content> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { sha256, sizeBytes: bytes.length, write: (to) => writeFileSync(to, bytes, { flag: "wx" }) };
}

async function writeFully(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length; )
    written += (await handle.write(chunk, written, chunk.length - written)).bytesWritten;
}

/**
 * Archives of Docker have whole seconds, rounded down: a result would seem older than a source written in the same second
 * and be made again. The end of that second is used, but not the future.
 */
function roundUp(mtimeMs: number, now: number): number {
  return mtimeMs % 1000 === 0 ? Math.min(mtimeMs + 999, Math.max(mtimeMs, now)) : mtimeMs;
}

/** A layer's name follows from its content. Entries by path, parents included. */
export function nameOfLayer(entries: ReadonlyMap<string, LayerEntry>): string {
  const hash = createHash("sha256");
  for (const path of [...entries.keys()].sort())
    hash.update(`${JSON.stringify(identityOf(path, entries.get(path)!))}\n`);
  return hash.digest("hex").slice(0, NAME_LENGTH);
}

function identityOf(path: string, entry: LayerEntry): unknown[] {
  switch (entry.kind) {
    case "directory":
      return ["directory", path];
    case "link":
      return ["link", path, entry.target];
    case "file":
      return ["file", path, entry.sha256, entry.executable];
  }
}
