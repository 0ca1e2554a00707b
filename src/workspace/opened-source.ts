import type { RunSource } from "../run/records.ts";
import type { Source } from "../run/workspace.ts";
import { findChangedPaths, findDefaultBranch } from "./changed-paths.ts";
import type { Git } from "./git.ts";
import type { GitPlace } from "./revision.ts";
import type { SharedTrees } from "./shared-trees.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { StateDirectory } from "./state-directory.ts";
import type { TreeObjects } from "./tree-objects.ts";
import { TreeReader } from "./tree-reader.ts";

/** What a source is made of before it can be read. */
export interface Opened {
  source: RunSource;
  rootDir: string | null;
  warnings: string[];
  objects: TreeObjects;
  /** The repository on this host; undefined where only the tree is. */
  place?: GitPlace;
  /** The paths below a directory of the tree, sorted, where they are known without reading it. */
  filesBelow?(directory: string): string[] | undefined;
}

const OBJECTS = new WeakMap<Source, TreeObjects>();

/** `signal` ends what reads the tree. With `shared`, other hosts find the snapshot there as soon as it is taken. */
export function toSource(
  git: Git,
  state: StateDirectory,
  opened: Opened,
  shared: SharedTrees | undefined,
  signal: AbortSignal,
): Source {
  const { source, rootDir, warnings, objects, place } = opened;
  const reader = new TreeReader(git, state, objects, signal, opened.filesBelow);
  const made: Source = {
    source,
    rootDir,
    warnings,
    readFile: (path) => reader.readFile(path),
    listFiles: (prefix) => reader.listFiles(prefix),
    async defaultBranch() {
      return place === undefined ? null : ((await findDefaultBranch(git, place, signal))?.name ?? null);
    },
    async changedPaths(base) {
      if (place === undefined) return null;
      return findChangedPaths(git, place, { objects, commit: source.commit, base }, signal);
    },
    async takeSnapshot(snapshotSignal) {
      await takeSnapshot(git, state, { objects, repoKey: source.repo.key }, snapshotSignal);
      await shared?.publish(objects, snapshotSignal);
    },
  };
  OBJECTS.set(made, objects);
  return made;
}

/** Where the objects of a source lie that `toSource` made. */
export function objectsOf(source: Source): TreeObjects {
  const objects = OBJECTS.get(source);
  if (objects === undefined) throw new Error("The source was not opened by this process.");
  return objects;
}
