import { join } from "node:path";
import { messageOf } from "../errors/cicd-error.ts";
import type { CacheScope, CacheStore } from "../run/workspace.ts";
import { type CachePointer, parsePointer, pointerName } from "./cache-store.ts";
import type { LayerArchive } from "./layer-archive.ts";
import type { SharedStore } from "./shared-store.ts";
import { openTemporaryDirectory, type StateDirectory, writeWhole } from "./state-directory.ts";

/** Of the objects that name the layers of caches. */
export const SHARED_CACHES = "caches/";
/** One that is saved unchanged is put there again after so long: it is seen to be wanted by its age. */
const REFRESH_MS = 24 * 60 * 60 * 1000;

/**
 * Caches of a team: what one host saves the others find. The layers lie among those of artifacts; what the shared store says
 * goes before what this host knows, and where it cannot be asked this host's caches are used. `keep` throws
 * SHARED_STORE_FAILED too.
 */
export function shareCaches(
  local: CacheStore,
  state: StateDirectory,
  shared: SharedStore,
  archive: LayerArchive,
): CacheStore {
  const read = async (scope: CacheScope, key: string, signal: AbortSignal) => {
    const text = await shared.readText(SHARED_CACHES + pointerName(scope, key), signal);
    return text === undefined ? undefined : parsePointer(text);
  };
  /** False: the shared store knows of none. */
  const bring = async (scope: CacheScope, key: string, signal: AbortSignal): Promise<boolean> => {
    const pointer = await read(scope, key, signal);
    if (pointer === undefined) return false;
    if (!(await archive.fetch(pointer.layer, () => local.openSink()))) return false;
    await local.keep(scope, key, pointer);
    return true;
  };
  return {
    ...local,
    async find(scope, keys, note, signal) {
      for (const key of keys) {
        // A damaged one is taken away when it is found, and fetched again.
        for (let tries = 0; tries < 2; tries += 1) {
          const isThere = await bring(scope, key, signal).catch((error) => {
            signal.throwIfAborted();
            note(`cache ${JSON.stringify(key)} cannot be fetched: ${messageOf(error)}`);
            return false;
          });
          const found = await local.find(scope, [key], note, signal);
          if (found !== undefined) return found;
          if (!isThere) break;
        }
      }
      return undefined;
    },
    async keep(scope, key, stored) {
      const { signal } = new AbortController();
      await archive.publish(stored.layer);
      const there = await read(scope, key, signal);
      const isSame = there?.layer === stored.layer;
      const isFresh = isSame && there.selection === stored.selection;
      if (!isFresh || Date.now() - there.savedAt > REFRESH_MS) {
        await using directory = await openTemporaryDirectory(state, "cache");
        const file = join(directory.path, "pointer");
        const pointer: CachePointer = { ...stored, savedAt: Date.now() };
        await writeWhole(state, file, JSON.stringify(pointer));
        await shared.replace(SHARED_CACHES + pointerName(scope, key), file, signal);
      }
      await local.keep(scope, key, stored);
      return isSame ? "same" : "kept";
    },
  };
}
