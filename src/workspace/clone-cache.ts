import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { CommitRange } from "../run/workspace.ts";
import { lockFile } from "./file-lock.ts";
import { type Git, type GitCall, records } from "./git.ts";
import { hasErrno, ioError } from "./io-error.ts";
import type { RemoteAccess } from "./remote-access.ts";
import { type Commit, isCommitHash, isRefName, readCommit, resolveRevision } from "./revision.ts";
import { markUsed, type StateDirectory, shortHash } from "./state-directory.ts";

/** What was asked for of a remote repository, brought here. */
export interface FetchedCommit {
  branch: string | null;
  tag: string | null;
  commit: Commit;
  /** The clone's object directory. */
  objects: string;
}

/** As in `SourceRequest`: of `branch` and `ref` one at most. */
export interface WantedCommit {
  branch?: string;
  commit?: string;
  ref?: string;
}

/**
 * Fetches into the bare clone kept for the URL and resolves what was asked for: the newest commit of a branch or ref, by
 * default the remote's default branch (then only that commit); or a commit: of a ref's history, or of any branch or tag
 * (then all of these come with theirs). Throws GIT_REF_NOT_FOUND, GIT_URL_REFUSED, GIT_FAILED, DISK_FULL.
 */
export async function fetchCommit(
  git: Git,
  state: StateDirectory,
  remote: RemoteAccess,
  wanted: WantedCommit,
  signal: AbortSignal,
): Promise<FetchedCommit> {
  checkNames(wanted);
  await using clone = await openClone(git, state, remote, signal);
  const { objects } = clone;
  if (wanted.ref === undefined && wanted.commit !== undefined) {
    const commit = await clone.fetchRevision(wanted.commit, signal);
    return { branch: wanted.branch ?? null, tag: null, commit, objects };
  }
  const ref = wanted.ref ?? `refs/heads/${wanted.branch ?? (await clone.defaultBranch(signal))}`;
  const commit = await clone.fetchOfRef(ref, wanted.commit, signal);
  const [, kind, name = null] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? [];
  return { branch: kind === "heads" ? name : null, tag: kind === "tags" ? name : null, commit, objects };
}

/** What changed between two commits of a remote repository; see `SourceOpener.changedFiles`. */
export async function fetchChangedFiles(
  git: Git,
  state: StateDirectory,
  remote: RemoteAccess,
  range: CommitRange,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  for (const commit of [range.from, range.to])
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit))
      throw notFound(`${JSON.stringify(commit.slice(0, 80))} is not the full hash of a commit.`);
  checkNames(range);
  await using clone = await openClone(git, state, remote, signal);
  return await clone.changedFiles(range, signal);
}

function checkNames({ branch, ref }: WantedCommit): void {
  if (branch !== undefined && !isRefName(branch))
    throw notFound(`The branch name ${JSON.stringify(branch)} is not valid.`);
  if (ref !== undefined && !(ref.startsWith("refs/") && isRefName(ref)))
    throw notFound(`The ref ${JSON.stringify(ref)} is not valid.`);
}

function notFound(message: string, cause?: unknown): CicdError {
  return new CicdError("GIT_REF_NOT_FOUND", message, { cause });
}

/** The clone of a URL, locked until it is disposed of. */
async function openClone(
  git: Git,
  state: StateDirectory,
  remote: RemoteAccess,
  signal: AbortSignal,
): Promise<Clone> {
  const directory = join(state.clones, shortHash(remote.url.url));
  const lock = await lockFile(`${directory}.lock`, signal);
  const clone = new Clone(git, directory, remote, lock);
  try {
    await clone.open(signal);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  return clone;
}

class Clone implements AsyncDisposable {
  constructor(
    private readonly git: Git,
    private readonly directory: string,
    private readonly remote: RemoteAccess,
    private readonly lock: AsyncDisposable,
  ) {}

  get objects(): string {
    return join(this.directory, "objects");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await markUsed(this.directory);
    } finally {
      await this.lock[Symbol.asyncDispose]();
    }
  }

  async open(signal: AbortSignal): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw ioError(error, "making a clone");
    }
    await this.run({ args: ["init", "--quiet", "--bare", "--template=", "."] }, signal);
  }

  async defaultBranch(signal: AbortSignal): Promise<string> {
    const { url } = this.remote;
    const args = ["ls-remote", "--symref", "--", url.url, "HEAD"];
    const { stdout } = await this.ask({ args }, signal);
    const [, branch] = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(stdout.toString("utf8")) ?? [];
    if (branch !== undefined) return branch;
    throw new CicdError("GIT_REF_NOT_FOUND", `${url.key} has no default branch.`, {
      hint: "Name a branch with --branch.",
    });
  }

  /** The newest commit of a ref, or an older one of its history (then that comes along). */
  async fetchOfRef(ref: string, wanted: string | undefined, signal: AbortSignal): Promise<Commit> {
    const known = (await this.hasHistory()) ? [] : ["--depth=1"];
    const tip = await this.fetchRef(ref, known, signal);
    if (wanted === undefined || tip.hash === wanted) return tip;
    const place = { cwd: this.directory };
    const isThere = isCommitHash(wanted) ? await readCommit(this.git, place, wanted, signal) : undefined;
    if (isThere !== undefined) return isThere;
    await this.fetchRef(ref, await this.deepen(), signal);
    return await resolveRevision(this.git, place, wanted, signal);
  }

  async fetchRevision(revision: string, signal: AbortSignal): Promise<Commit> {
    await this.fetchBranches(signal);
    return await resolveRevision(this.git, { cwd: this.directory }, revision, signal);
  }

  async changedFiles(
    { from, to, ref, since }: CommitRange,
    signal: AbortSignal,
  ): Promise<string[] | undefined> {
    await this.fetchBranches(signal);
    if (ref !== undefined) await this.fetchRef(ref, [], signal);
    const range = since === "merge-base" ? [`${from}...${to}`] : [from, to];
    const flags = [
      "--name-only",
      "-z",
      "--no-renames",
      "--no-ext-diff",
      "--no-textconv",
      "--ignore-submodules=none",
    ];
    const { status, stdout } = await this.run(
      { args: ["diff", ...flags, "--end-of-options", ...range, "--"], answers: [0, 128] },
      signal,
    );
    if (status !== 0) return undefined;
    return records(stdout, "\0").map((path) => Buffer.from(path, "latin1").toString("utf8"));
  }

  private async fetchRef(ref: string, flags: string[], signal: AbortSignal): Promise<Commit> {
    // A flat name: a branch `x` of yesterday would be in the way of today's `x/y`.
    const own = `refs/tips/${shortHash(ref)}`;
    const name = ref.startsWith("refs/heads/") ? `branch ${ref.slice("refs/heads/".length)}` : `ref ${ref}`;
    const missing = (cause?: unknown) => notFound(`There is no ${name} in ${this.remote.url.key}.`, cause);
    try {
      await this.fetch([...flags, "--no-tags"], [`+${ref}:${own}`], signal);
    } catch (error) {
      throw error instanceof CicdError && error.code === "GIT_REF_NOT_FOUND" ? missing(error) : error;
    }
    if (!flags.includes("--depth=1")) await this.rememberHistory(signal);
    const commit = await readCommit(this.git, { cwd: this.directory }, own, signal);
    if (commit !== undefined) return commit;
    throw missing();
  }

  /** Every branch and tag with its history. */
  private async fetchBranches(signal: AbortSignal): Promise<void> {
    const all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    await this.fetch([...(await this.deepen()), "--prune", "--no-tags"], all, signal);
    await this.rememberHistory(signal);
  }

  private async deepen(): Promise<string[]> {
    return (await exists(join(this.directory, "shallow"))) ? ["--unshallow"] : [];
  }

  private fetch(flags: string[], refs: string[], signal: AbortSignal) {
    const always = [
      "--quiet",
      "--force",
      "--update-head-ok",
      "--no-write-fetch-head",
      "--no-auto-maintenance",
    ];
    const args = [
      "fetch",
      ...always,
      "--no-recurse-submodules",
      ...flags,
      "--",
      this.remote.url.url,
      ...refs,
    ];
    return this.ask({ args }, signal);
  }

  /** Whether the clone has whole histories; it must not be cut to single commits again then. */
  private hasHistory(): Promise<boolean> {
    return exists(join(this.directory, "cicd-history"));
  }

  private async rememberHistory(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await Bun.write(join(this.directory, "cicd-history"), "");
  }

  private run(call: Omit<GitCall, "cwd">, signal: AbortSignal) {
    return this.git({ ...call, cwd: this.directory }, signal);
  }

  /** Runs git towards the remote. */
  private ask(call: Pick<GitCall, "args">, signal: AbortSignal) {
    return this.run({ ...this.remote.call, ...call }, signal);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return false;
    throw ioError(error, "reading a clone");
  }
}
