import type { FileSelection } from "./executor.ts";
import type { LayerStore } from "./workspace.ts";

/** With `untracked` also everything that is not in the snapshot; what git keeps for itself is not meant. */
export async function selectionOf(
  layers: LayerStore,
  tree: string,
  { paths, exclude, untracked }: { paths: string[]; exclude: string[]; untracked: boolean },
): Promise<FileSelection> {
  if (!untracked) return { paths, exclude };
  const known = await layers.listSnapshot(tree);
  return { paths, exclude, isUntracked: (path) => !known.has(path) && !/^\.git(\/|$)/.test(path) };
}
