import { CicdError } from "../errors/cicd-error.ts";
import type { RunSource } from "../run/records.ts";
import { fetchCommit } from "./clone-cache.ts";
import type { Git } from "./git.ts";
import { findRepository } from "./local-repository.ts";
import { looksLikeUrl, parseRepositoryUrl } from "./repository-url.ts";
import { takeSnapshot } from "./snapshot.ts";
import { markUsed, type StateDirectory, snapshotPathOf } from "./state-directory.ts";
import { privateObjects } from "./tree-objects.ts";

/**
 * Makes sure that the snapshot of a recorded run exists: as it is, or taken again from the objects of its repository, its
 * clone, or those kept for uncommitted files. Throws SNAPSHOT_GONE, DISK_FULL.
 */
export async function restoreSnapshot(
  git: Git,
  state: StateDirectory,
  source: RunSource,
  signal: AbortSignal,
): Promise<void> {
  if (await markUsed(snapshotPathOf(state, source.tree))) return;
  try {
    const directories = await objectDirectories(git, state, source, signal);
    const objects = { tree: source.tree, directories };
    await takeSnapshot(git, state, { objects, repoKey: source.repo.key }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CicdError && (error.code === "DISK_FULL" || error.code === "PERMISSION_DENIED"))
      throw error;
    const message = `The files that the run was made from (git tree ${source.tree.slice(0, 12)}) are gone.`;
    throw new CicdError("SNAPSHOT_GONE", message, { hint: "Start a new run: cicd run", cause: error });
  }
}

async function objectDirectories(
  git: Git,
  state: StateDirectory,
  { repo, commit }: RunSource,
  signal: AbortSignal,
): Promise<string[]> {
  if (looksLikeUrl(repo.key)) {
    const wanted = commit === null ? {} : { commit };
    return [(await fetchCommit(git, state, parseRepositoryUrl(repo.key), wanted, signal)).objects];
  }
  const own = await privateObjects(state, repo.key);
  return [own, (await findRepository(git, repo.key, signal)).objects];
}
