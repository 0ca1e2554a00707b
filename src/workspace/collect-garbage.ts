import { randomBytes } from "node:crypto";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { readPointer } from "./cache-store.ts";
import { CHECKED_SUFFIX } from "./check-layer.ts";
import { collectReceived } from "./collect-received.ts";
import { measureUsage } from "./disk-usage.ts";
import { lockFile } from "./file-lock.ts";
import type { Git } from "./git.ts";
import { hasErrno, ioError } from "./io-error.ts";
import { NAME_LENGTH, type StateDirectory } from "./state-directory.ts";

/** What kept runs still name: git trees, artifact layers, blobs by their SHA-256. */
export interface References {
  trees: ReadonlySet<string>;
  layers: ReadonlySet<string>;
  blobs: ReadonlySet<string>;
}

export interface GarbageOptions {
  /** Only what was not used for so long goes. */
  olderThanMs: number;
  now: number;
  /** Count, but remove nothing. */
  dryRun: boolean;
}

/** How many of each went (or would), and the bytes that frees. */
export interface Garbage {
  snapshots: number;
  layers: number;
  layerNames: string[];
  /** Names of layers that jobs keep for later runs. */
  caches: number;
  blobs: number;
  clones: number;
  objects: number;
  received: number;
  /** In the shared store; see `collectShared`. */
  shared: number;
  temporary: number;
  bytes: number;
}

/** Nobody writes one snapshot or layer for longer. */
const TEMPORARY_MS = 60 * 60 * 1000;
/** A cache goes when nothing was restored from it or saved to it for so long. */
export const CACHE_MS = 14 * 24 * 60 * 60 * 1000;
const LOCK_WAIT_MS = 200;

/**
 * Removes what nothing refers to and what was not used for `olderThanMs`; of the temporary directories what is older than
 * an hour at least. Other processes may work meanwhile: what they use is marked as used, directories go in one step, and
 * a content that is wanted again is written again. Throws PERMISSION_DENIED, IO_FAILED.
 */
export async function collectGarbage(
  { git, state }: { git: Git; state: StateDirectory },
  references: References,
  options: GarbageOptions,
  signal: AbortSignal,
): Promise<Garbage> {
  try {
    return await new Collector(git, state, options, signal).collect(references);
  } catch (error) {
    throw ioError(error, "collecting garbage");
  }
}

class Collector {
  private bytes = 0;
  /** Names that blobs lose with the layers removed, by inode. */
  private readonly freedNames = new Map<number, number>();

  constructor(
    private readonly git: Git,
    private readonly state: StateDirectory,
    private readonly options: GarbageOptions,
    private readonly signal: AbortSignal,
  ) {}

  async collect(references: References): Promise<Garbage> {
    const trees = new Set([...references.trees].map((tree) => tree.slice(0, NAME_LENGTH)));
    const { olderThanMs } = this.options;
    const temporary = await this.sweep(this.state.temporary, new Set(), Math.max(olderThanMs, TEMPORARY_MS));
    const snapshots = await this.sweep(this.state.snapshots, trees, olderThanMs);
    const caches = await this.sweepCaches();
    const keptLayers = references.layers.union(caches.layers);
    const layerNames = await this.sweep(this.state.layers, keptLayers, olderThanMs);
    return {
      temporary: temporary.length,
      snapshots: snapshots.length,
      layers: layerNames.length,
      layerNames,
      caches: caches.count,
      blobs: await this.sweepBlobs(references.blobs),
      clones: await this.sweepClones(),
      objects: await this.sweepObjects(),
      received: await this.sweepReceived(references.trees),
      shared: 0,
      bytes: this.bytes,
    };
  }

  /** Returns the names that went. */
  private async sweep(directory: string, kept: ReadonlySet<string>, ageMs: number): Promise<string[]> {
    const gone: string[] = [];
    for (const name of await readdir(directory)) {
      this.signal.throwIfAborted();
      if (!kept.has(name) && (await this.remove(join(directory, name), ageMs))) gone.push(name);
    }
    return gone;
  }

  /** Returns the layers that the others name. */
  private async sweepCaches(): Promise<{ count: number; layers: Set<string> }> {
    const layers = new Set<string>();
    let count = 0;
    for (const name of await readdir(this.state.caches)) {
      this.signal.throwIfAborted();
      const path = join(this.state.caches, name);
      const isMark = name.endsWith(CHECKED_SUFFIX);
      if (await this.isOld(path, Math.max(this.options.olderThanMs, isMark ? 0 : CACHE_MS))) {
        if (!this.options.dryRun) await rm(path, { force: true });
        if (!isMark) count += 1;
      } else if (!isMark) {
        const pointer = await readPointer(path);
        if (pointer !== undefined) layers.add(pointer.layer);
      }
    }
    return { count, layers };
  }

  /**
   * A blob without another name is in no layer, finished or begun. In a dry run the layers that would go still hold
   * their names.
   */
  private async sweepBlobs(kept: ReadonlySet<string>): Promise<number> {
    let count = 0;
    for (const fan of await readdir(this.state.blobs)) {
      for (const name of await readdir(join(this.state.blobs, fan))) {
        this.signal.throwIfAborted();
        if (kept.has(fan + name.replace(/\.x$/, ""))) continue;
        const path = join(this.state.blobs, fan, name);
        const stats = await lstat(path).catch(ignoreGone);
        if (stats === undefined) continue;
        const freed = this.options.dryRun ? (this.freedNames.get(stats.ino) ?? 0) : 0;
        if (stats.nlink - freed > 1) continue;
        this.bytes += stats.size;
        count += 1;
        if (!this.options.dryRun) await rm(path, { force: true });
      }
    }
    return count;
  }

  /** A clone that is being fetched into is left alone, and one that cannot be locked on a full disk. */
  private async sweepClones(): Promise<number> {
    let count = 0;
    for (const name of await readdir(this.state.clones)) {
      const path = join(this.state.clones, name);
      if (name.includes(".") || !(await this.isOld(path, this.options.olderThanMs))) continue;
      try {
        await using _lock = await lockFile(
          `${path}.lock`,
          AbortSignal.any([this.signal, AbortSignal.timeout(LOCK_WAIT_MS)]),
        );
        if (await this.remove(path, this.options.olderThanMs)) count += 1;
      } catch (error) {
        this.signal.throwIfAborted();
        const isHeld = error instanceof DOMException && error.name === "TimeoutError";
        const isFull = error instanceof CicdError && error.code === "DISK_FULL";
        if (!isHeld && !isFull) throw error;
      }
    }
    return count;
  }

  /** Git renews the time of an object that it would write again, so an old one belongs to no tree opened lately. */
  private async sweepObjects(): Promise<number> {
    let count = (await this.sweep(this.state.objects, new Set(), this.options.olderThanMs)).length;
    for (const repository of await readdir(this.state.objects, { withFileTypes: true })) {
      const path = join(this.state.objects, repository.name);
      if (!repository.isDirectory() || (await this.isOld(path, this.options.olderThanMs))) continue;
      for (const fan of await readdir(path)) {
        if (!/^[0-9a-f]{2}$/.test(fan)) continue;
        count += (await this.sweep(join(path, fan), new Set(), this.options.olderThanMs)).length;
      }
    }
    return count;
  }

  private async sweepReceived(trees: ReadonlySet<string>): Promise<number> {
    const { count, bytes } = await collectReceived(this.git, this.state, trees, this.options, this.signal);
    this.bytes += bytes;
    return count;
  }

  /**
   * Moves aside first, so that nobody finds half of it; and back, should it have been marked as used in this very moment.
   * False: it is not old.
   */
  private async remove(path: string, ageMs: number): Promise<boolean> {
    if (!(await this.isOld(path, ageMs))) return false;
    const usage = await measureUsage(path);
    if (!this.options.dryRun) {
      const aside = join(this.state.temporary, `garbage-${randomBytes(9).toString("hex")}`);
      try {
        await rename(path, aside);
      } catch (error) {
        if (hasErrno(error, "ENOENT")) return false;
        throw error;
      }
      if (!(await this.isOld(aside, ageMs))) {
        await rename(aside, path);
        return false;
      }
      await rm(aside, { recursive: true, force: true });
    }
    this.bytes += usage.bytes;
    for (const [inode, names] of usage.sharedNames)
      this.freedNames.set(inode, (this.freedNames.get(inode) ?? 0) + names);
    return true;
  }

  private async isOld(path: string, ageMs: number): Promise<boolean> {
    const stats = await lstat(path).catch(ignoreGone);
    return stats !== undefined && this.options.now - stats.mtimeMs >= ageMs;
  }
}

function ignoreGone(error: unknown): undefined {
  if (!hasErrno(error, "ENOENT")) throw error;
}
