import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { Source, TreeTransfer } from "../run/workspace.ts";
import { toByteStream } from "./byte-stream.ts";
import type { Git } from "./git.ts";
import { ioError } from "./io-error.ts";
import { objectsOf, toSource } from "./opened-source.ts";
import {
  DEFAULT_TRANSFER_LIMITS,
  formatOf,
  GUARDED,
  receivedDirectory,
  receivePack,
  type TransferLimits,
} from "./received-objects.ts";
import type { SharedTrees } from "./shared-trees.ts";
import { splitRecords } from "./split-records.ts";
import { markUsed, openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { checkTree, listTreeEntries } from "./tree-listing.ts";
import { bareEnvironment, type TreeObjects } from "./tree-objects.ts";

/** Sends what sources of this process are made of, and keeps what others send below the state directory. */
export function createTreeTransfer(
  git: Git,
  state: StateDirectory,
  { limits = DEFAULT_TRANSFER_LIMITS, shared }: { limits?: TransferLimits; shared?: SharedTrees } = {},
): TreeTransfer {
  return {
    async listObjects(source, signal) {
      const objects = objectsOf(source);
      const ids = new Set([objects.tree]);
      for await (const { id } of listTreeEntries(git, state, objects, {}, signal)) ids.add(id);
      return [...ids];
    },
    writePack: (source, ids, signal) => toByteStream(packObjects(git, state, objectsOf(source), ids, signal)),
    findMissing: (ids, signal) => findMissing(git, state, ids, signal),
    receivePack: (pack, { maxBytes }, signal) =>
      receivePack(git, state, pack, { ...limits, maxBytes }, signal),
    openReceived: (described, signal) => openReceived(git, state, described, { limits, shared }, signal),
  };
}

/**
 * Without differences between objects: they save little in one tree, and cost the sender more time than they save. Compressed
 * lightly, as most of it is sent over a network once.
 */
export async function* packObjects(
  git: Git,
  state: StateDirectory,
  objects: TreeObjects,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  await using directory = await openTemporaryDirectory(state, "read");
  const environment = await bareEnvironment(directory.path, objects);
  const settings = [["pack.compression", "1"]] as const;
  const args = ["pack-objects", "--quiet", "--stdout", "--window=0", "--no-reuse-delta", "--threads=1"];
  const input = ids.map((id) => `${id}\n`).join("");
  const output = git.stream({ args, cwd: directory.path, environment, settings, input }, signal);
  for await (const chunk of output) yield chunk as Uint8Array<ArrayBuffer>;
}

async function findMissing(
  git: Git,
  state: StateDirectory,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const missing: string[] = [];
  for (const format of ["sha1", "sha256"] as const) {
    const asked = ids.filter((id) => formatOf(id) === format);
    const [first] = asked;
    if (first === undefined) continue;
    await using directory = await openTemporaryDirectory(state, "read");
    const objects = { tree: first, directories: [await openReceivedDirectory(state, first)] };
    const environment = await bareEnvironment(directory.path, objects);
    const args = ["cat-file", "--batch-check=%(objecttype)", "--buffer"];
    const input = asked.map((id) => `${checkId(id)}\n`).join("");
    const call = { ...GUARDED, args, cwd: directory.path, environment, input };
    for await (const line of splitRecords(git.stream(call, signal), "\n"))
      if (line.endsWith(" missing")) missing.push(line.slice(0, -" missing".length));
  }
  return missing;
}

/** The objects of a tree where all of them were received. */
export async function findReceived(
  git: Git,
  state: StateDirectory,
  tree: string,
  signal: AbortSignal,
): Promise<TreeObjects | undefined> {
  if ((await findMissing(git, state, [tree], signal)).length > 0) return undefined;
  const objects = { tree, directories: [receivedDirectory(state, formatOf(tree))] };
  try {
    await checkTree(git, state, objects, DEFAULT_TRANSFER_LIMITS, signal);
    return objects;
  } catch (error) {
    if (error instanceof CicdError && error.code === "TREE_INCOMPLETE") return undefined;
    throw error;
  }
}

async function openReceived(
  git: Git,
  state: StateDirectory,
  described: Source["source"],
  { limits, shared }: { limits: TransferLimits; shared: SharedTrees | undefined },
  signal: AbortSignal,
): Promise<Source> {
  const directory = await openReceivedDirectory(state, checkId(described.tree));
  const objects = { tree: described.tree, directories: [directory] };
  await checkTree(git, state, objects, limits, signal);
  await markOpened(state, described.tree);
  return toSource(git, state, { source: described, rootDir: null, warnings: [], objects }, shared, signal);
}

async function openReceivedDirectory(state: StateDirectory, id: string): Promise<string> {
  const path = receivedDirectory(state, formatOf(id));
  await makeDirectory(join(path, "pack"));
  return path;
}

/** A tree that was opened lately is kept by `collectGarbage` although no run may name it yet. */
async function markOpened(state: StateDirectory, tree: string): Promise<void> {
  const mark = join(state.received, "opened", tree);
  await makeDirectory(mark);
  await markUsed(mark);
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw ioError(error, "making an object directory");
  }
}

function checkId(id: string): string {
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id)) return id;
  throw new CicdError("ARCHIVE_REFUSED", `${JSON.stringify(id.slice(0, 80))} is no git object id.`);
}
