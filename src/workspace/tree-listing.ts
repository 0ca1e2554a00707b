import { CicdError } from "../errors/cicd-error.ts";
import type { Git, GitCall } from "./git.ts";
import { GUARDED, type TransferLimits } from "./received-objects.ts";
import { splitRecords } from "./split-records.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { bareEnvironment, type TreeObjects } from "./tree-objects.ts";

interface TreeEntry {
  id: string;
  sizeBytes: number | null;
  path: string;
}

/**
 * The trees and files below a tree, parents first; an object that stands in two places comes twice. Submodules are left out.
 * `sizeBytes` null: it is a tree, or not there.
 */
export async function* listTreeEntries(
  git: Git,
  state: StateDirectory,
  objects: TreeObjects,
  guard: Pick<GitCall, "limits" | "settings">,
  signal: AbortSignal,
): AsyncGenerator<TreeEntry & { isTree: boolean }, void, undefined> {
  await using directory = await openTemporaryDirectory(state, "read");
  const environment = await bareEnvironment(directory.path, objects);
  const args = ["ls-tree", "-r", "-t", "-z", "--long", "--full-tree", objects.tree];
  const output = git.stream({ ...guard, args, cwd: directory.path, environment }, signal);
  for await (const record of splitRecords(output, "\0")) {
    const [, type, id, size, path] = /^\d+ (\w+) ([0-9a-f]+) +(\S+)\t(.*)$/s.exec(record) ?? [];
    if (id === undefined || path === undefined)
      throw new CicdError("GIT_FAILED", "The output of git ls-tree cannot be read.");
    const sizeBytes = size !== undefined && /^\d+$/.test(size) ? Number(size) : null;
    if (type !== "commit") yield { id, path, sizeBytes, isTree: type === "tree" };
  }
}

/**
 * Throws TREE_INCOMPLETE where an object of the tree is missing, ARCHIVE_REFUSED where there are more files, longer paths
 * or more bytes than `limits` allow. Ends early: a small tree of trees can name more files than any disk holds.
 */
export async function checkTree(
  git: Git,
  state: StateDirectory,
  objects: TreeObjects,
  limits: TransferLimits,
  signal: AbortSignal,
): Promise<void> {
  let entries = 0;
  let bytes = 0;
  try {
    for await (const { path, sizeBytes, isTree } of listTreeEntries(git, state, objects, GUARDED, signal)) {
      entries += 1;
      if (sizeBytes === null && !isTree) throw incomplete(objects.tree);
      bytes += sizeBytes ?? 0;
      if (entries > limits.maxObjects) throw tooLarge(`has more than ${limits.maxObjects} files`);
      if (path.length > limits.maxPathBytes)
        throw tooLarge(`has paths longer than ${limits.maxPathBytes} bytes`);
      if (bytes > limits.maxUnpackedBytes) throw tooLarge(`is larger than ${limits.maxUnpackedBytes} bytes`);
    }
  } catch (error) {
    const isGits =
      error instanceof CicdError && /^GIT_(FAILED|REF_NOT_FOUND|NOT_A_REPOSITORY)$/.test(error.code);
    throw isGits ? incomplete(objects.tree, error) : error;
  }
}

function incomplete(tree: string, cause?: unknown): CicdError {
  const message = `Files of the tree ${tree.slice(0, 12)} are missing on the server.`;
  return new CicdError("TREE_INCOMPLETE", message, {
    hint: "Start the run again: everything is sent anew.",
    cause,
  });
}

function tooLarge(why: string): CicdError {
  return new CicdError("ARCHIVE_REFUSED", `The tree ${why}.`);
}
