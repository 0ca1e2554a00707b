import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { lockFile } from "./file-lock.ts";
import type { Git, GitCall } from "./git.ts";
import { hasErrno, ioError } from "./io-error.ts";
import type { RepositoryUrl } from "./repository-url.ts";
import { type Commit, isRefName, readCommit, resolveRevision } from "./revision.ts";
import { markUsed, type StateDirectory, shortHash } from "./state-directory.ts";

/** What was asked for of a remote repository, brought here. */
export interface FetchedCommit {
  branch: string | null;
  commit: Commit;
  /** The clone's object directory. */
  objects: string;
}

/**
 * Fetches into the bare clone kept for the URL and resolves what was asked for: a commit (then every branch and tag comes
 * with its history), or the newest commit of a branch, by default the remote's default branch (then only that commit).
 * Throws GIT_REF_NOT_FOUND, GIT_URL_REFUSED, GIT_FAILED, DISK_FULL.
 */
export async function fetchCommit(
  git: Git,
  state: StateDirectory,
  url: RepositoryUrl,
  wanted: { branch?: string; commit?: string },
  signal: AbortSignal,
): Promise<FetchedCommit> {
  if (wanted.branch !== undefined && !isRefName(wanted.branch))
    throw new CicdError(
      "GIT_REF_NOT_FOUND",
      `The branch name ${JSON.stringify(wanted.branch)} is not valid.`,
    );
  const directory = join(state.clones, shortHash(url.url));
  await using _lock = await lockFile(`${directory}.lock`, signal);
  const clone = new Clone(git, directory, url);
  await clone.open(signal);
  const branch = wanted.branch ?? (wanted.commit === undefined ? await clone.defaultBranch(signal) : null);
  const commit = await (wanted.commit === undefined
    ? clone.fetchTip(branch!, signal)
    : clone.fetchRevision(wanted.commit, signal));
  await markUsed(directory);
  return { branch, commit, objects: join(directory, "objects") };
}

class Clone {
  constructor(
    private readonly git: Git,
    private readonly directory: string,
    private readonly url: RepositoryUrl,
  ) {}

  async open(signal: AbortSignal): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw ioError(error, "making a clone");
    }
    await this.run({ args: ["init", "--quiet", "--bare", "--template=", "."] }, signal);
  }

  async defaultBranch(signal: AbortSignal): Promise<string> {
    const args = ["ls-remote", "--symref", "--", this.url.url, "HEAD"];
    const { stdout } = await this.remote({ args }, signal);
    const [, branch] = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(stdout.toString("utf8")) ?? [];
    if (branch !== undefined) return branch;
    throw new CicdError("GIT_REF_NOT_FOUND", `${this.url.key} has no default branch.`, {
      hint: "Name a branch with --branch.",
    });
  }

  async fetchTip(branch: string, signal: AbortSignal): Promise<Commit> {
    // A flat name: a branch `x` of yesterday would be in the way of today's `x/y`.
    const ref = `refs/tips/${shortHash(branch)}`;
    const depth = (await this.hasHistory()) ? [] : ["--depth=1"];
    const missing = (cause?: unknown) =>
      new CicdError("GIT_REF_NOT_FOUND", `There is no branch ${branch} in ${this.url.key}.`, { cause });
    try {
      await this.fetch([...depth, "--no-tags"], [`+refs/heads/${branch}:${ref}`], signal);
    } catch (error) {
      throw error instanceof CicdError && error.code === "GIT_REF_NOT_FOUND" ? missing(error) : error;
    }
    await this.remember(depth.length === 0, signal);
    const commit = await readCommit(this.git, { cwd: this.directory }, ref, signal);
    if (commit !== undefined) return commit;
    throw missing();
  }

  async fetchRevision(revision: string, signal: AbortSignal): Promise<Commit> {
    const shallow = await exists(join(this.directory, "shallow"));
    const all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    await this.fetch([...(shallow ? ["--unshallow"] : []), "--prune", "--no-tags"], all, signal);
    await this.remember(true, signal);
    return await resolveRevision(this.git, { cwd: this.directory }, revision, signal);
  }

  private fetch(flags: string[], refs: string[], signal: AbortSignal) {
    const always = [
      "--quiet",
      "--force",
      "--update-head-ok",
      "--no-write-fetch-head",
      "--no-auto-maintenance",
    ];
    const args = ["fetch", ...always, "--no-recurse-submodules", ...flags, "--", this.url.url, ...refs];
    return this.remote({ args }, signal);
  }

  /** Whether the clone has whole histories; it must not be cut to single commits again then. */
  private hasHistory(): Promise<boolean> {
    return exists(join(this.directory, "cicd-history"));
  }

  private async remember(history: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (history) await Bun.write(join(this.directory, "cicd-history"), "");
  }

  private run(call: Omit<GitCall, "cwd">, signal: AbortSignal) {
    return this.git({ ...call, cwd: this.directory }, signal);
  }

  /**
   * Credentials go as a header of this host, by the environment: not in arguments, and to no other host, since redirects
   * are refused then.
   */
  private remote(call: Omit<GitCall, "cwd">, signal: AbortSignal) {
    const { credentials, protocol, url } = this.url;
    const protocols = [protocol];
    if (credentials === null) return this.run({ ...call, protocols }, signal);
    const token = Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64");
    const environment = {
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraHeader`,
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${token}`,
    };
    return this.run(
      { ...call, protocols, environment, settings: [["http.followRedirects", "false"]] },
      signal,
    );
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
