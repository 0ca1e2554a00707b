import { createHash } from "node:crypto";
import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../errors/cicd-error.ts";
import type { CacheScope, CacheStore, FoundCache, LayerPath, StoredCache } from "../run/workspace.ts";
import { openArtifactSink } from "./artifact-sink.ts";
import type { BlobStore } from "./blob-store.ts";
import { checkLayer } from "./check-layer.ts";
import { hasErrno } from "./io-error.ts";
import { hashKeyFiles } from "./key-files.ts";
import type { LayerLimits } from "./layer-builder.ts";
import { markUsed, NAME_LENGTH, type StateDirectory, writeWhole } from "./state-directory.ts";

/** What the file of a cache holds. Keys, in which a job may put anything, stand in no file. */
export interface CachePointer extends StoredCache {
  savedAt: number;
}

/**
 * Caches below the state directory: layers as those of artifacts, and a file per scope and key that names one. What a layer
 * holds is checked against its name before it is handed out.
 */
export function createCacheStore(
  state: StateDirectory,
  blobs: BlobStore,
  limits: LayerLimits,
  snapshotPath: (tree: string) => Promise<LayerPath>,
): CacheStore {
  const check = oncePerLayer((layer) => checkLayer(state, layer));
  return {
    async find(scope, keys, note, signal) {
      for (const key of keys) {
        signal.throwIfAborted();
        try {
          const found = await findOne(state, scope, key);
          if (found === undefined) continue;
          const isWhole = await orAborted(check(found.layer), signal);
          if (isWhole) return found;
          note(`cache ${JSON.stringify(key)} is damaged: it is not used`);
        } catch (error) {
          signal.throwIfAborted();
          note(`cache ${JSON.stringify(key)} cannot be read: ${messageOf(error)}`);
        }
      }
      return undefined;
    },
    hashFiles: async (tree, patterns) => hashKeyFiles(await snapshotPath(tree), patterns),
    openSink: () => openArtifactSink(state, blobs, { ...limits, links: "any" }),
    async keep(scope, key, { layer, sizeBytes, selection }) {
      const there = await findOne(state, scope, key).catch(() => undefined);
      const isSame = there?.layer === layer;
      if (isSame && there.selection === selection) return "same";
      const pointer: CachePointer = { layer, sizeBytes, selection, savedAt: Date.now() };
      await writeWhole(state, pointerPath(state, scope, key), JSON.stringify(pointer));
      return isSame ? "same" : "kept";
    },
  };
}

function pointerPath(state: StateDirectory, scope: CacheScope, key: string): string {
  return join(state.caches, pointerName(scope, key));
}

/** The SHA-256 of scope and key, hex. */
export function pointerName({ repoKey, trust }: CacheScope, key: string): string {
  return createHash("sha256")
    .update(JSON.stringify([repoKey, trust, key]))
    .digest("hex");
}

/** Undefined: there is none, or what is there is none. */
export async function readPointer(path: string): Promise<CachePointer | undefined> {
  try {
    return parsePointer(await readFile(path, "utf8"));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

export function parsePointer(text: string): CachePointer | undefined {
  try {
    const pointer = JSON.parse(text) as CachePointer | null;
    return new RegExp(`^[0-9a-f]{${NAME_LENGTH}}$`).test(pointer?.layer ?? "") ? pointer! : undefined;
  } catch {
    return undefined;
  }
}

/** Marks the cache and its layer as used. */
async function findOne(
  state: StateDirectory,
  scope: CacheScope,
  key: string,
): Promise<FoundCache | undefined> {
  const file = pointerPath(state, scope, key);
  try {
    const pointer = await readPointer(file);
    if (pointer === undefined) return undefined;
    const path = join(state.layers, pointer.layer);
    if (!(await markUsed(path))) return undefined;
    const now = new Date();
    await utimes(file, now, now);
    const { layer, sizeBytes, selection } = pointer;
    return { key, layer, path, sizeBytes, selection };
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Jobs that start together wait for one check. */
function oncePerLayer(check: (layer: string) => Promise<boolean>): typeof check {
  const underWay = new Map<string, Promise<boolean>>();
  return (layer) => {
    const begun = underWay.get(layer) ?? check(layer).finally(() => underWay.delete(layer));
    underWay.set(layer, begun);
    return begun;
  };
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => {});
  }
}
