import { copyFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { withoutFilters } from "./filter-drivers.ts";
import { findFilteredFiles, putRawFiles } from "./filtered-files.ts";
import { type Git, type GitCall, records } from "./git.ts";
import { hasErrno, ioError } from "./io-error.ts";
import type { LocalRepository } from "./local-repository.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { objectEnvironment } from "./tree-objects.ts";
import { parseStatus, type WorkingTreeStatus } from "./working-tree-status.ts";

export interface HashedTree {
  tree: string;
  status: WorkingTreeStatus;
  warnings: string[];
  /** The paths below a directory, sorted; undefined where something of it has changed, so that the tree must be read. */
  filesBelow(directory: string): string[] | undefined;
}

/** So often is a tree looked at in which files come and go (an editor's swap files, a build) before that is an error. */
const LOOKS = 10;

/** What git says of a file that is not any more what it was a moment ago. */
const MOVED =
  /^git (update-index|hash-object): .*(No such file or directory|Not a directory|[Ii]s a directory|beyond a symbolic link|does not exist|short read|file changed)/s;

/**
 * The git tree of the working tree as it is: what git knows and what is new and not ignored, deletions honoured. Works
 * on a copy of the user's index and writes new objects to `objectDirectory`: nothing in the repository changes. Files may
 * come and go meanwhile: each is in the tree as it was found at some moment, or not at all. No filter of `drivers`
 * (`findFilterDrivers`) runs.
 */
export async function hashWorkingTree(...call: Parameters<typeof hashOnce>): Promise<HashedTree> {
  for (let look = 1; ; look += 1) {
    try {
      return await hashOnce(...call);
    } catch (error) {
      if (look === LOOKS || !(error instanceof CicdError) || !MOVED.test(error.message)) throw error;
    }
  }
}

async function hashOnce(
  git: Git,
  state: StateDirectory,
  repository: LocalRepository & { topLevel: string },
  objectDirectory: string,
  drivers: readonly string[],
  signal: AbortSignal,
): Promise<HashedTree> {
  await using directory = await openTemporaryDirectory(state, "index");
  const index = join(directory.path, "index");
  await copyIndex(repository.index, index);
  const environment = {
    ...objectEnvironment([objectDirectory, repository.objects]),
    GIT_INDEX_FILE: index,
  };
  const settings = withoutFilters(drivers);
  const run = (call: Omit<GitCall, "cwd" | "environment" | "settings">) =>
    git({ ...call, cwd: repository.topLevel, environment, settings }, signal).catch((error: unknown) => {
      throw damagedIndex(error, repository.index) ?? error;
    });
  // Mostly nothing has changed; then the index is what the tree is made of.
  const early = writeTree(run);
  early.catch(() => {});
  const [status, entries] = await Promise.all([readStatus(run), readIndex(run), early.catch(() => {})]);
  const { changed, deleted, untracked } = status;
  const filtered = await findFilteredFiles(run, drivers, entries);
  const touched = new Set([...changed, ...deleted]);
  const raw = filtered.filter((path) => !touched.has(path));
  const isIndex = touched.size + untracked.length + raw.length === 0;
  if (!isIndex) {
    await updateIndex(run, status);
    await putRawFiles(run, raw, entries);
  }
  const submodules = [...entries.keys()].filter((path) => entries.get(path) === "160000");
  return {
    tree: await (isIndex ? early : writeTree(run)),
    status,
    warnings: [...submodules.map(submoduleWarning), ...status.nested.map(nestedWarning)],
    filesBelow: (directory) => filesBelow(directory, entries, [...touched, ...untracked]),
  };
}

async function writeTree(run: RunGit): Promise<string> {
  const { stdout } = await run({ args: ["write-tree", "--missing-ok"] });
  return stdout.toString("latin1").trim();
}

function filesBelow(
  directory: string,
  entries: ReadonlyMap<string, string>,
  touched: readonly string[],
): string[] | undefined {
  const start = Buffer.from(`${directory}/`, "utf8").toString("latin1");
  const isConcerned = (path: string) => path.startsWith(start) || start.startsWith(`${path}/`);
  if (touched.some(isConcerned)) return undefined;
  const found = [...entries.keys()].filter((path) => path.startsWith(start));
  return found.map(decode).sort();
}

export type RunGit = (call: Omit<GitCall, "cwd" | "environment" | "settings">) => ReturnType<Git>;

/**
 * Copies the index for its stat cache. Git compares files changed at or after the index's own time byte by byte, so the
 * copy keeps that time (a microsecond less, since a time set as a float is not exact).
 */
async function copyIndex(from: string, to: string): Promise<void> {
  try {
    const { mtimeNs } = await stat(from, { bigint: true });
    await copyFile(from, to);
    const seconds = Number(mtimeNs - 1000n) / 1e9;
    await utimes(to, seconds, seconds);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw ioError(error, "copying the git index");
  }
}

/** The error for an index that git cannot read, about the user's file rather than the copy; undefined for another error. */
function damagedIndex(error: unknown, index: string): CicdError | undefined {
  const words = error instanceof CicdError && error.code === "GIT_FAILED" ? error.message : "";
  if (!/index file (corrupt|smaller)|bad (index|signature)|index uses|null sha1/i.test(words))
    return undefined;
  return new CicdError("GIT_FAILED", `The git index ${index} is damaged.`, {
    hint: "See what `git status` says; to make it anew: rm .git/index && git reset",
    cause: error,
  });
}

async function readStatus(run: RunGit): Promise<WorkingTreeStatus> {
  const { stdout } = await run({
    args: [
      "status",
      "--porcelain=v2",
      "-z",
      "--branch",
      "--no-ahead-behind",
      "--no-renames",
      "--untracked-files=all",
      "--ignored=no",
      "--ignore-submodules=all",
    ],
  });
  return parseStatus(records(stdout, "\0"));
}

/** Mode by path. */
async function readIndex(run: RunGit): Promise<Map<string, string>> {
  const { stdout } = await run({ args: ["ls-files", "--stage", "-z"] });
  return new Map(records(stdout, "\0").map((line) => [line.slice(line.indexOf("\t") + 1), line.slice(0, 6)]));
}

/**
 * Brings the copied index in line with the working tree: what is gone first, since a file may stand where a directory was.
 * What goes after the status was read is left out (`--remove`).
 */
async function updateIndex(run: RunGit, status: WorkingTreeStatus): Promise<void> {
  if (status.deleted.length > 0)
    await run({
      args: ["update-index", "--force-remove", "-z", "--stdin"],
      input: zeroEnded(status.deleted),
    });
  const present = [...status.changed, ...status.untracked];
  if (present.length > 0)
    await run({
      args: ["update-index", "--add", "--replace", "--remove", "-z", "--stdin"],
      input: zeroEnded(present),
    });
}

/** Paths as git reads them with `-z`, byte for byte. */
function zeroEnded(paths: readonly string[]): Buffer {
  return Buffer.from(`${paths.join("\0")}\0`, "latin1");
}

function submoduleWarning(path: string): string {
  return `The submodule ${decode(path)} is not part of the snapshot: its directory is empty there.`;
}

function nestedWarning(path: string): string {
  return `The repository ${decode(path)} inside this one is not part of the snapshot.`;
}

function decode(path: string): string {
  return Buffer.from(path, "latin1").toString("utf8");
}
