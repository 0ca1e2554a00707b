import { isAbsolute } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import type { RunSource } from "../run/records.ts";
import { fetchCommit } from "./clone-cache.ts";
import type { Git } from "./git.ts";
import { findRepository } from "./local-repository.ts";
import { openRemote, type RemoteGuard, refuseLocalPath } from "./remote-access.ts";
import { looksLikeUrl } from "./repository-url.ts";
import type { SharedTrees } from "./shared-trees.ts";
import { takeSnapshot } from "./snapshot.ts";
import { markUsed, type StateDirectory, snapshotPathOf } from "./state-directory.ts";
import { privateObjects } from "./tree-objects.ts";
import { findReceived } from "./tree-transfer.ts";

const PASSED_ON = new Set<ErrorCode>(["DISK_FULL", "PERMISSION_DENIED", "SHARED_STORE_FAILED"]);

/**
 * Makes sure that the snapshot of a recorded run exists: as it is, out of the shared store, or taken again from the objects received for it, those of
 * its repository or clone, or those kept for uncommitted files. Throws SNAPSHOT_GONE, DISK_FULL, SHARED_STORE_FAILED.
 */
export async function restoreSnapshot(
  git: Git,
  state: StateDirectory,
  source: RunSource,
  { guard, shared }: { guard: RemoteGuard | undefined; shared: SharedTrees | undefined },
  signal: AbortSignal,
): Promise<void> {
  if (await markUsed(snapshotPathOf(state, source.tree))) return;
  if (shared !== undefined && (await shared.fetch(source.tree))) return;
  try {
    const objects = (await findReceived(git, state, source.tree, signal)) ?? {
      tree: source.tree,
      directories: await objectDirectories(git, state, source, guard, signal),
    };
    await takeSnapshot(git, state, { objects, repoKey: source.repo.key }, signal);
    await shared?.publish(objects, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CicdError && PASSED_ON.has(error.code)) throw error;
    const message = `The files that the run was made from (git tree ${source.tree.slice(0, 12)}) are gone.`;
    throw new CicdError("SNAPSHOT_GONE", message, { hint: "Start a new run: cicd run", cause: error });
  }
}

async function objectDirectories(
  git: Git,
  state: StateDirectory,
  { repo, commit }: RunSource,
  guard: RemoteGuard | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  if (looksLikeUrl(repo.key)) {
    const wanted = commit === null ? {} : { commit };
    return [(await fetchCommit(git, state, await openRemote(repo.key, guard), wanted, signal)).objects];
  }
  refuseLocalPath(repo.key, guard);
  if (!isAbsolute(repo.key)) throw new CicdError("GIT_NOT_A_REPOSITORY", `${repo.key} is not on this host.`);
  const own = await privateObjects(state, repo.key);
  return [own, (await findRepository(git, repo.key, signal)).objects];
}
