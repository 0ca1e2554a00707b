import { link, lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Git, GitCall } from "./git.ts";
import { hasErrno } from "./io-error.ts";
import { formatOf, receivedDirectory } from "./received-objects.ts";
import { splitRecords } from "./split-records.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { isolated, makeBareRepository, type ObjectFormat, objectEnvironment } from "./tree-objects.ts";

/** An upload and the run it is for are made within this time. */
const GRACE_MS = 24 * 60 * 60 * 1000;

/**
 * Removes packs that were received more than a day ago, but for the objects of `trees` and of trees opened within a day:
 * those of all old packs are put into one. How many packs went, and the bytes that freed.
 */
export async function collectReceived(
  git: Git,
  state: StateDirectory,
  trees: ReadonlySet<string>,
  options: { olderThanMs: number; now: number; dryRun: boolean },
  signal: AbortSignal,
): Promise<{ count: number; bytes: number }> {
  const bound = options.now - Math.max(options.olderThanMs, GRACE_MS);
  const opened = await findOpened(join(state.received, "opened"), bound, options.dryRun);
  const roots = [...new Set([...trees, ...opened])];
  const freed = { count: 0, bytes: 0 };
  for (const format of ["sha1", "sha256"] as const) {
    const wanted = roots.filter((tree) => formatOf(tree) === format);
    const packs = await findPacks(join(receivedDirectory(state, format), "pack"), bound);
    if (!packs.some(({ isOld }) => isOld)) continue;
    await using directory = await openTemporaryDirectory(state, "repack");
    const { count, bytes } = await repack(
      git,
      { state, format, wanted, packs },
      directory.path,
      options,
      signal,
    );
    freed.count += count;
    freed.bytes += bytes;
  }
  return freed;
}

interface PackFile {
  /** Without its ending. */
  path: string;
  name: string;
  bytes: number;
  isOld: boolean;
}

async function repack(
  git: Git,
  {
    state,
    format,
    wanted,
    packs,
  }: {
    state: StateDirectory;
    format: ObjectFormat;
    wanted: string[];
    packs: PackFile[];
  },
  directory: string,
  { dryRun }: { dryRun: boolean },
  signal: AbortSignal,
): Promise<{ count: number; bytes: number }> {
  const old = packs.filter(({ isOld }) => isOld);
  const call = await openPacks(directory, format, packs);
  const present = await findPresent(git, call, wanted, signal);
  const made = join(directory, "made", "pack");
  const args = [
    "pack-objects",
    "--quiet",
    "--revs",
    "--missing=allow-any",
    "--honor-pack-keep",
    "--non-empty",
    "--window=0",
  ];
  const input = present.map((tree) => `${tree}\n`).join("");
  const { stdout } = await git({ ...call, args: [...args, made], input }, signal);
  const names = stdout
    .toString("latin1")
    .trim()
    .split("\n")
    .filter((name) => name !== "");
  const kept = await findPacks(join(directory, "made"), 0);
  const bytes = sum(old) - sum(kept);
  // One pack in which everything is wanted stays as it is.
  if (old.length === 1 && bytes <= 0) return { count: 0, bytes: 0 };
  if (dryRun) return { count: old.length, bytes };
  const target = join(receivedDirectory(state, format), "pack");
  for (const name of names)
    for (const ending of ["pack", "idx"])
      await rename(`${made}-${name}.${ending}`, join(target, `pack-${name}.${ending}`));
  const isMade = ({ name }: PackFile) => names.includes(name.replace(/^pack-/, ""));
  for (const pack of old.filter((candidate) => !isMade(candidate))) await removePack(pack.path);
  return { count: old.length, bytes };
}

/** A repository whose packs are the received ones; the young ones are marked as kept, so that none of theirs is repacked. */
async function openPacks(
  directory: string,
  format: ObjectFormat,
  packs: PackFile[],
): Promise<Pick<GitCall, "cwd" | "environment">> {
  const repository = join(directory, "git");
  await makeBareRepository(repository, format);
  await mkdir(join(directory, "made"));
  const own = join(repository, "objects", "pack");
  await mkdir(own);
  for (const { path, name, isOld } of packs) {
    for (const ending of ["pack", "idx"]) await link(`${path}.${ending}`, join(own, `${name}.${ending}`));
    if (!isOld) await Bun.write(join(own, `${name}.keep`), "");
  }
  const objects = objectEnvironment([join(repository, "objects")]);
  return { cwd: repository, environment: { ...objects, ...isolated(repository) } };
}

async function findPresent(
  git: Git,
  call: Pick<GitCall, "cwd" | "environment">,
  trees: string[],
  signal: AbortSignal,
): Promise<string[]> {
  const input = trees.map((tree) => `${tree}\n`).join("");
  const args = ["cat-file", "--batch-check=%(objectname)", "--buffer"];
  const lines = await Array.fromAsync(splitRecords(git.stream({ ...call, args, input }, signal), "\n"));
  return lines.filter((line) => !line.endsWith(" missing"));
}

/** A pack without its index is what a crash left of one that was moved in. */
async function findPacks(directory: string, bound: number): Promise<PackFile[]> {
  const names = new Set(await namesIn(directory));
  const packs: PackFile[] = [];
  for (const file of names) {
    const name = file.replace(/\.pack$/, "");
    if (name === file) continue;
    const path = join(directory, name);
    const { size, mtimeMs } = await stat(join(directory, file));
    const isOld = mtimeMs < bound;
    if (names.has(`${name}.idx`)) packs.push({ path, name, bytes: size, isOld });
    else if (isOld) await removePack(path);
  }
  return packs;
}

/** The index first: git looks for it, and finds no pack that it then lacks. */
async function removePack(path: string): Promise<void> {
  await rm(`${path}.idx`, { force: true });
  await rm(`${path}.pack`, { force: true });
}

/** Trees that were opened since; the marks of the others go. */
async function findOpened(directory: string, bound: number, dryRun: boolean): Promise<string[]> {
  const opened: string[] = [];
  for (const tree of await namesIn(directory)) {
    const mark = join(directory, tree);
    if ((await lstat(mark)).mtimeMs >= bound) opened.push(tree);
    else if (!dryRun) await rm(mark, { recursive: true, force: true });
  }
  return opened;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function sum(packs: PackFile[]): number {
  return packs.reduce((total, { bytes }) => total + bytes, 0);
}
