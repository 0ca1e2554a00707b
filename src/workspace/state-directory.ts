import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, utimesSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno, ioError } from "./io-error.ts";

/**
 * Where the files of snapshots, artifacts and clones lie. The names are short because every layer's path goes into the
 * options of one overlay mount, which may have 4,096 bytes.
 */
export interface StateDirectory {
  readonly root: string;
  /** `<96 bits of the tree hash, hex>`: a directory per snapshot. */
  readonly snapshots: string;
  /** `<96 bits of the content's SHA-256, hex>`: a directory per artifact layer. */
  readonly layers: string;
  /** `<SHA-256 of scope and key, hex>`: a file per cache that names its layer; see `cache-store.ts`. */
  readonly caches: string;
  /** `ab/cdef…`: a file per artifact content; `.x` is added where it is executable. */
  readonly blobs: string;
  /** `<96 bits of the URL's SHA-256, hex>`: a bare clone per URL. */
  readonly clones: string;
  /** `<96 bits of the repository key's SHA-256, hex>`: git objects of uncommitted files. */
  readonly objects: string;
  /** `sha1`, `sha256`: git object directories of what was received from other hosts; see `ReceivedObjects`. */
  readonly received: string;
  /** What is being written; whatever here is old was left by a crash. */
  readonly temporary: string;
}

/** Hex digits of a name in `snapshots`, `layers`, `clones` and `objects`. */
export const NAME_LENGTH = 24;

/** Makes the directories (0700: others on this machine see nothing below). Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED. */
export async function openStateDirectory(root: string): Promise<StateDirectory> {
  const state = {
    root,
    snapshots: join(root, "s"),
    layers: join(root, "l"),
    caches: join(root, "c"),
    blobs: join(root, "blobs"),
    clones: join(root, "repos"),
    objects: join(root, "o"),
    received: join(root, "received"),
    temporary: join(root, "tmp"),
  };
  try {
    for (const path of Object.values(state)) mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw ioError(error, `making the state directory ${root}`);
  }
  return state;
}

/** The path of a tree's snapshot, taken or not. */
export function snapshotPathOf(state: StateDirectory, tree: string): string {
  return join(state.snapshots, tree.slice(0, NAME_LENGTH));
}

export function shortHash(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, NAME_LENGTH);
}

/** A fresh directory that is removed when disposed; renaming it away before is fine. */
export async function openTemporaryDirectory(
  state: StateDirectory,
  kind: string,
): Promise<AsyncDisposable & { path: string }> {
  const path = join(state.temporary, `${kind}-${randomBytes(9).toString("hex")}`);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    throw ioError(error, "making a temporary directory");
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Marks a directory as used now, for `collectGarbage`. False: there is none. */
export async function markUsed(path: string): Promise<boolean> {
  try {
    // It takes less time than another thread would to begin with it, and each job waits for it.
    const now = new Date();
    if (!lstatSync(path).isDirectory()) return false;
    utimesSync(path, now, now);
    return true;
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw ioError(error, `looking for ${path}`);
  }
}

/** Written beside and renamed: readers see the old or the new. Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED. */
export async function writeWhole(state: StateDirectory, path: string, text: string): Promise<void> {
  const fresh = join(state.temporary, `whole-${randomBytes(9).toString("hex")}`);
  try {
    const file = await open(fresh, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw ioError(error, `writing ${path}`);
  }
}
