import { parsePointer } from "./cache-store.ts";
import { CACHE_MS, type References } from "./collect-garbage.ts";
import { SHARED_CACHES } from "./shared-caches.ts";
import type { SharedStore } from "./shared-store.ts";

/** Who puts something there records the run that names it within this time. */
const GRACE_MS = 24 * 60 * 60 * 1000;

/**
 * Removes the snapshots and layers of the shared store that nothing refers to and that were not put there within a day, and caches
 * that nobody has saved for long.
 * `references` must be those of every run of the team. Throws SHARED_STORE_FAILED.
 */
export async function collectShared(
  shared: SharedStore,
  references: References,
  options: { olderThanMs: number; now: number; dryRun: boolean },
  signal: AbortSignal,
): Promise<{ count: number; bytes: number }> {
  const unused = { ...options, olderThanMs: Math.max(options.olderThanMs, CACHE_MS) };
  let { count, bytes } = await shared.collect(SHARED_CACHES, () => false, unused, signal);
  const cached = await cachedLayers(shared, signal);
  const kept = new Set([
    ...[...references.trees].map((tree) => `trees/${tree}.pack`),
    ...[...references.layers, ...cached].map((layer) => `layers/${layer}.tar.zst`),
  ]);
  const careful = { ...options, olderThanMs: Math.max(options.olderThanMs, GRACE_MS) };
  for (const prefix of ["trees/", "layers/"]) {
    const removed = await shared.collect(prefix, (key) => kept.has(key), careful, signal);
    count += removed.count;
    bytes += removed.bytes;
  }
  return { count, bytes };
}

async function cachedLayers(shared: SharedStore, signal: AbortSignal): Promise<string[]> {
  const layers: string[] = [];
  for (const key of await shared.list(SHARED_CACHES, signal)) {
    const text = await shared.readText(key, signal);
    const pointer = text === undefined ? undefined : parsePointer(text);
    if (pointer !== undefined) layers.push(pointer.layer);
  }
  return layers;
}
