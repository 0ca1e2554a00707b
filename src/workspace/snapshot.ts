import { rename, statfs } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { LayerPath } from "../run/workspace.ts";
import type { Git } from "./git.ts";
import { DISK_FULL_HINT, hasErrno, ioError } from "./io-error.ts";
import { makeOpenDirectory } from "./open-permissions.ts";
import { linkUnchangedFiles } from "./snapshot-base.ts";
import {
  markUsed,
  openTemporaryDirectory,
  type StateDirectory,
  shortHash,
  snapshotPathOf,
} from "./state-directory.ts";
import { bareEnvironment, type TreeObjects } from "./tree-objects.ts";

/** With less room a failed write means a full disk. */
const FULL_BELOW_BYTES = 16 * 1024 * 1024;

/**
 * Checks a tree out, once per tree hash, into `state.snapshots`, and returns the path. Directories are 0777 and files
 * 0666 or 0777, as GitLab's helper leaves them, since any user may run in a container; links stay links; line endings
 * follow the tree's own attributes; no filter runs. Two processes at once are fine; a crash leaves a temporary directory
 * only. Throws DISK_FULL, GIT_FAILED.
 */
export async function takeSnapshot(
  git: Git,
  state: StateDirectory,
  source: { objects: TreeObjects; repoKey: string },
  signal: AbortSignal,
): Promise<LayerPath> {
  const path = snapshotPathOf(state, source.objects.tree);
  const newest = join(state.objects, `${shortHash(source.repoKey)}.newest`);
  if (!(await markUsed(path))) {
    await using directory = await openTemporaryDirectory(state, "snapshot");
    const target = join(directory.path, "tree");
    const base = (await Bun.file(newest).exists()) ? await Bun.file(newest).text() : null;
    try {
      await checkOut(git, state, source.objects, { directory: directory.path, target, base }, signal);
    } catch (error) {
      throw ioError(await diskFullOr(error, directory.path), "taking a snapshot");
    }
    await moveIntoPlace(target, path);
  }
  await Bun.write(newest, source.objects.tree);
  return path;
}

async function checkOut(
  git: Git,
  state: StateDirectory,
  objects: TreeObjects,
  place: { directory: string; target: string; base: string | null },
  signal: AbortSignal,
): Promise<void> {
  const environment = {
    ...(await bareEnvironment(join(place.directory, "git"), objects)),
    GIT_INDEX_FILE: join(place.directory, "index"),
    GIT_WORK_TREE: place.target,
  };
  const run = (args: string[], input?: Buffer) =>
    git(
      {
        args,
        cwd: place.target,
        environment,
        openPermissions: true,
        ...(input === undefined ? {} : { input }),
      },
      signal,
    );
  const from = place.base === null ? null : { tree: place.base, path: snapshotPathOf(state, place.base) };
  const changed =
    from === null
      ? null
      : await linkUnchangedFiles(
          git,
          from,
          { target: place.target, tree: objects.tree, environment },
          signal,
        );
  if (changed === null) {
    await makeOpenDirectory(place.target);
    await run(["read-tree", "--reset", "-u", objects.tree]);
  } else if (changed.length > 0) {
    await run(["read-tree", objects.tree]);
    await run(["checkout-index", "-z", "--stdin"], Buffer.from(`${changed.join("\0")}\0`, "latin1"));
  }
}

/** Whatever process is first, its snapshot stays: they are the same. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasErrno(error, "ENOTEMPTY", "EEXIST")) throw ioError(error, "putting a snapshot into place");
  }
}

/** Git says only that it could not write a file; whether the disk was full shows while the half snapshot is there. */
async function diskFullOr(error: unknown, directory: string): Promise<unknown> {
  if (!(error instanceof CicdError) || !/unable to (write|create)/.test(error.message)) return error;
  const { bavail, bsize, ffree, files } = await statfs(directory);
  const full = bavail * bsize < FULL_BELOW_BYTES || (files > 0 && ffree === 0);
  return full ? new CicdError("DISK_FULL", error.message, { hint: DISK_FULL_HINT, cause: error }) : error;
}
