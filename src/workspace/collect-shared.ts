import type { References } from "./collect-garbage.ts";
import type { SharedStore } from "./shared-store.ts";

/** Who puts something there records the run that names it within this time. */
const GRACE_MS = 24 * 60 * 60 * 1000;

/**
 * Removes the snapshots and layers of the shared store that nothing refers to and that were not put there within a day.
 * `references` must be those of every run of the team. Throws SHARED_STORE_FAILED.
 */
export async function collectShared(
  shared: SharedStore,
  references: References,
  options: { olderThanMs: number; now: number; dryRun: boolean },
  signal: AbortSignal,
): Promise<{ count: number; bytes: number }> {
  const kept = new Set([
    ...[...references.trees].map((tree) => `trees/${tree}.pack`),
    ...[...references.layers].map((layer) => `layers/${layer}.tar.zst`),
  ]);
  const careful = { ...options, olderThanMs: Math.max(options.olderThanMs, GRACE_MS) };
  let count = 0;
  let bytes = 0;
  for (const prefix of ["trees/", "layers/"]) {
    const removed = await shared.collect(prefix, (key) => kept.has(key), careful, signal);
    count += removed.count;
    bytes += removed.bytes;
  }
  return { count, bytes };
}
