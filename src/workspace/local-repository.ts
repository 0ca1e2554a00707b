import { realpathSync, statSync } from "node:fs";
import { relative } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { type Git, records } from "./git.ts";
import { hasErrno, ioError } from "./io-error.ts";

/** A repository of this host, as git sees it from a directory in it. All paths are absolute. */
export interface LocalRepository {
  /** Top of the working tree; null for a bare repository. */
  topLevel: string | null;
  /** Where git runs: the top level, or the bare repository. */
  cwd: string;
  /** The user's index, which may not exist. */
  index: string;
  objects: string;
  objectFormat: string;
}

/** Finds the repository around `path`. Throws GIT_NOT_A_REPOSITORY, PERMISSION_DENIED, GIT_FAILED. */
export async function findRepository(git: Git, path: string, signal: AbortSignal): Promise<LocalRepository> {
  return findRepositoryAround(git, realDirectory(path), signal);
}

const FACTS = ["--is-bare-repository", "--show-object-format", "--git-dir", "--git-path", "index"];

/** The same for a `realDirectory`. */
export async function findRepositoryAround(
  git: Git,
  start: string,
  signal: AbortSignal,
): Promise<LocalRepository> {
  const args = ["rev-parse", "--path-format=absolute", ...FACTS, "--git-path", "objects", "--show-toplevel"];
  const { status, stdout } = await git({ cwd: start, args, answers: [0, 128] }, signal);
  const lines = records(stdout, "\n").map((line) => Buffer.from(line, "latin1").toString("utf8"));
  // Without a working tree git ends with an error, after it has told the rest; without a repository at once.
  if (lines.length < 5) await git({ cwd: start, args: ["rev-parse", "--git-dir"] }, signal);
  if (lines.length !== (status === 0 ? 6 : 5))
    throw new CicdError("GIT_FAILED", "The path of the repository has a newline in it.");
  const [bare, objectFormat, gitDirectory, index, objects, topLevel] = lines as Facts;
  if (topLevel !== undefined) {
    refuseForeignTree(start, topLevel);
    return { topLevel, cwd: topLevel, index, objects, objectFormat };
  }
  if (bare !== "true")
    throw new CicdError(
      "GIT_NOT_A_REPOSITORY",
      `${start} lies inside a git directory, not in a working tree.`,
    );
  return { topLevel: null, cwd: gitDirectory, index, objects, objectFormat };
}

type Facts = [string, string, string, string, string, string | undefined];

/** `core.worktree` of a repository that someone else wrote may name any directory of this host; only one around `start` counts. */
function refuseForeignTree(start: string, topLevel: string): void {
  const below = relative(topLevel, start);
  if (below === ".." || below.startsWith("../"))
    throw new CicdError(
      "GIT_NOT_A_REPOSITORY",
      `The working tree of ${start} is said to be ${topLevel}, which is elsewhere.`,
      {
        hint: "The repository's own configuration sets core.worktree; run cicd in that directory if this is meant.",
      },
    );
}

/** Throws GIT_NOT_A_REPOSITORY where there is no directory, PERMISSION_DENIED. */
export function realDirectory(path: string): string {
  try {
    const real = realpathSync.native(path);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw ioError(error, `looking for ${path}`);
  }
  throw new CicdError("GIT_NOT_A_REPOSITORY", `There is no directory ${path}.`);
}
