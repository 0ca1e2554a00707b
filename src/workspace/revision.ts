import { CicdError } from "../errors/cicd-error.ts";
import { type Git, records } from "./git.ts";

/** Where git looks: a working tree or a bare repository. */
export interface GitPlace {
  cwd: string;
  environment?: Record<string, string>;
}

export interface Commit {
  hash: string;
  tree: string;
  /** First line of the message. */
  /** Without the line feeds at its end; of a longer one the first `MAX_MESSAGE` UTF-16 units. */
  message: string;
}

/** Names git would take for a branch or tag (git-check-ref-format), without a leading dash. */
export function isRefName(name: string): boolean {
  if (name === "" || name === "@" || name.startsWith("-") || name.endsWith(".") || name.includes(".."))
    return false;
  if (/[\0-\x20\x7f~^:?*[\\]|@\{/.test(name)) return false;
  return name.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"));
}

/** A hash or a prefix of one, at least 4 digits. */
export function isCommitHash(text: string): boolean {
  return /^[0-9a-fA-F]{4,64}$/.test(text);
}

/** The full ref of a branch: a local one, else origin's, else that of any remote. Throws GIT_REF_NOT_FOUND. */
export async function resolveBranch(
  git: Git,
  place: GitPlace,
  branch: string,
  signal: AbortSignal,
): Promise<string> {
  if (!isRefName(branch)) throw notFound(`The branch name ${JSON.stringify(branch)} is not valid.`);
  const { stdout } = await git(
    {
      ...place,
      args: ["for-each-ref", "--format=%(refname)", `refs/heads/${branch}`, `refs/remotes/*/${branch}`],
    },
    signal,
  );
  const found = records(stdout, "\n").map((line) => Buffer.from(line, "latin1").toString("utf8"));
  const remotes = found.filter((ref) => ref.startsWith("refs/remotes/") && ref.endsWith(`/${branch}`));
  const ref =
    found.find((candidate) => candidate === `refs/heads/${branch}`) ??
    remotes.find((candidate) => candidate === `refs/remotes/origin/${branch}`) ??
    remotes[0];
  if (ref !== undefined) return ref;
  const tagged = await readCommit(git, place, `refs/tags/${branch}`, signal);
  const hint = tagged && `${branch} is a tag: use -c ${branch}`;
  throw notFound(`There is no branch ${branch} in the repository.`, hint);
}

/** What `-c` names: `HEAD`, a hash or its prefix, a tag, a branch or a full ref, each with `~2` and `^1` after it. Throws GIT_REF_NOT_FOUND. */
export async function resolveRevision(
  git: Git,
  place: GitPlace,
  text: string,
  signal: AbortSignal,
): Promise<Commit> {
  const [, name = "", steps = ""] = /^(.*?)((?:[~^]\d*)*)$/s.exec(text) ?? [];
  if (name !== "HEAD" && !isCommitHash(name) && !isRefName(name))
    throw notFound(`${JSON.stringify(text)} is not a valid commit.`);
  const candidates = [
    ...(name === "HEAD" || name.startsWith("refs/") || isCommitHash(name) ? [name] : []),
    ...(name === "HEAD" ? [] : [`refs/tags/${name}`, `refs/heads/${name}`, `refs/remotes/origin/${name}`]),
  ];
  for (const candidate of candidates) {
    const commit = await readCommit(git, place, candidate + steps, signal);
    if (commit !== undefined) return commit;
  }
  throw notFound(`There is no commit ${text} in the repository, or the name is ambiguous.`);
}

/** The commit that a checked `revision` names; undefined where there is none. */
export async function readCommit(
  git: Git,
  place: GitPlace,
  revision: string,
  signal: AbortSignal,
): Promise<Commit | undefined> {
  return (
    (await describeCommit(git, place, `${revision}^{commit}`, [0, 128], signal)) ??
    (await describeNamed(git, place, revision, signal))
  );
}

/** Tells what is not there from what cannot be read. */
async function describeNamed(
  git: Git,
  place: GitPlace,
  revision: string,
  signal: AbortSignal,
): Promise<Commit | undefined> {
  const { status, stdout } = await git(
    {
      ...place,
      args: ["rev-parse", "--quiet", "--verify", "--end-of-options", `${revision}^{commit}`],
      answers: [0, 1, 128],
    },
    signal,
  );
  const hash = stdout.toString("latin1").trim();
  if (status !== 0 || !/^[0-9a-f]{40,64}$/.test(hash)) return undefined;
  return describeCommit(git, place, hash, [0], signal);
}

/** Undefined where git ends with one of the `answers` but 0. */
async function describeCommit(
  git: Git,
  place: GitPlace,
  revision: string,
  answers: readonly number[],
  signal: AbortSignal,
): Promise<Commit | undefined> {
  const args = ["log", "-1", "--no-notes", "--encoding=UTF-8", "--format=%H%x00%T%x00%B"];
  const call = { ...place, args: [...args, "--end-of-options", revision, "--"], answers };
  const { status, stdout } = await git(call, signal);
  const [hash = "", tree = "", message = ""] = stdout.toString("utf8").split("\0");
  return status === 0 ? { hash, tree, message: clip(message.replace(/\n+$/, "")) } : undefined;
}

/** A request that starts a run holds its commit's message, too. */
const MAX_MESSAGE = 60_000;

/** No character is cut in two. */
function clip(text: string): string {
  return text.length <= MAX_MESSAGE ? text : text.slice(0, MAX_MESSAGE).replace(/[\ud800-\udbff]$/, "");
}

function notFound(message: string, hint?: string): CicdError {
  return new CicdError("GIT_REF_NOT_FOUND", message, hint === undefined ? {} : { hint });
}
