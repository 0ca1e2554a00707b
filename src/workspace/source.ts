import { basename } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { RunSource } from "../run/records.ts";
import type { Source, SourceOpener, SourceRequest } from "../run/workspace.ts";
import { fetchChangedFiles, fetchCommit } from "./clone-cache.ts";
import { findFilterDrivers } from "./filter-drivers.ts";
import type { Git } from "./git.ts";
import { findIgnoredFiles } from "./ignored-files.ts";
import {
  findRepository,
  findRepositoryAround,
  type LocalRepository,
  realDirectory,
} from "./local-repository.ts";
import { type Opened, toSource } from "./opened-source.ts";
import { openRemote, type RemoteGuard, refuseLocalPath } from "./remote-access.ts";
import { looksLikeUrl, parseRepositoryUrl } from "./repository-url.ts";
import { restoreSnapshot } from "./restore-snapshot.ts";
import { type Commit, readCommit, resolveBranch, resolveRevision } from "./revision.ts";
import { findSharedRepo } from "./shared-repo.ts";
import type { SharedTrees } from "./shared-trees.ts";
import type { StateDirectory } from "./state-directory.ts";
import { privateObjects } from "./tree-objects.ts";
import { hashWorkingTree } from "./working-tree.ts";

export interface OpenerOptions {
  /** What this host is called in the keys of repositories that have no URL. */
  hostName: string;
  /** On a server: what it may be told to clone. Undefined: everything a person may name. */
  guard?: RemoteGuard;
  /** Snapshots that are taken reach other hosts by it, and are restored from it. */
  shared?: SharedTrees;
}

/** Opens working trees, commits and URLs with `git`, keeping what it needs in `state`. */
export function createSourceOpener(git: Git, state: StateDirectory, options: OpenerOptions): SourceOpener {
  const { guard, hostName, shared } = options;
  return {
    open: (request, signal) => openSource(git, state, request, options, signal),
    restoreSnapshot: (source, signal) => restoreSnapshot(git, state, source, { guard, shared }, signal),
    async repoKey(repo, signal) {
      // Whether it may be cloned is judged where that is done.
      if (looksLikeUrl(repo)) return parseRepositoryUrl(repo, { allowHttp: true }).key;
      return keyOf(await findRepository(git, repo, signal));
    },
    sharedRepo: (repo, signal) => findSharedRepo(git, repo, hostName, signal),
    async changedFiles(url, range, signal) {
      return await fetchChangedFiles(git, state, await openRemote(url, guard), range, signal);
    },
    ignoredFiles: (root, paths, signal) => findIgnoredFiles(git, root, paths, signal),
  };
}

/**
 * A local path without branch and commit is the working tree as it is; with them, that commit (a branch: its newest).
 * A URL is fetched; default branch and its newest commit when not given.
 */
async function openSource(
  git: Git,
  state: StateDirectory,
  request: SourceRequest,
  { guard, shared }: OpenerOptions,
  signal: AbortSignal,
): Promise<Source> {
  return toSource(git, state, await openRequest(git, state, request, guard, signal), shared, signal);
}

async function openRequest(
  git: Git,
  state: StateDirectory,
  request: SourceRequest,
  guard: RemoteGuard | undefined,
  signal: AbortSignal,
): Promise<Opened> {
  if (looksLikeUrl(request.repo)) return openUrl(git, state, request, guard, signal);
  refuseLocalPath(request.repo, guard);
  if (request.ref !== undefined)
    throw new CicdError("USAGE", "A ref can be asked for of a URL only.", {
      hint: "Name a branch or commit.",
    });
  const start = realDirectory(request.repo);
  const isCommit = request.branch !== undefined || request.commit !== undefined;
  const facts = isCommit ? undefined : askFacts(git, start, signal);
  const repository = await findRepositoryAround(git, start, signal);
  const { topLevel } = repository;
  if (isCommit || topLevel === null) return openLocalCommit(git, state, repository, request, signal);
  // Elsewhere than at the top another repository may be meant.
  const own = facts !== undefined && topLevel === start ? facts : askFacts(git, topLevel, signal);
  return openWorkingTree(git, state, { ...repository, topLevel }, own, signal);
}

/** What git tells in a directory without knowing more of the repository; a rejection is thrown where it is awaited. */
interface Facts {
  drivers: Promise<string[]>;
  head: Promise<Commit | undefined>;
}

function askFacts(git: Git, cwd: string, signal: AbortSignal): Facts {
  const facts = {
    drivers: findFilterDrivers(git, cwd, signal),
    head: readCommit(git, { cwd }, "HEAD", signal),
  };
  facts.drivers.catch(() => {});
  facts.head.catch(() => {});
  return facts;
}

async function openWorkingTree(
  git: Git,
  state: StateDirectory,
  repository: LocalRepository & { topLevel: string },
  facts: Facts,
  signal: AbortSignal,
): Promise<Opened> {
  const own = await privateObjects(state, repository.topLevel);
  const drivers = await facts.drivers;
  const [{ tree, status, warnings, filesBelow }, head] = await Promise.all([
    hashWorkingTree(git, state, repository, own, drivers, signal),
    facts.head,
  ]);
  const source = describe(repository, status.branch, head, {
    tree,
    dirty: { modified: status.modified, untracked: status.untracked.length },
  });
  return {
    source,
    rootDir: repository.topLevel,
    warnings,
    objects: { tree, directories: [own, repository.objects] },
    place: { cwd: repository.topLevel },
    filesBelow,
  };
}

async function openLocalCommit(
  git: Git,
  state: StateDirectory,
  repository: LocalRepository,
  request: SourceRequest,
  signal: AbortSignal,
): Promise<Opened> {
  const place = { cwd: repository.cwd };
  const ref = request.branch === undefined ? null : await resolveBranch(git, place, request.branch, signal);
  const commit = await resolveRevision(git, place, request.commit ?? ref ?? "HEAD", signal);
  const own = await privateObjects(state, keyOf(repository));
  const source = describe(repository, request.branch ?? null, commit, { tree: commit.tree, dirty: null });
  const objects = { tree: commit.tree, directories: [own, repository.objects] };
  return { source, rootDir: repository.topLevel, warnings: [], objects, place };
}

async function openUrl(
  git: Git,
  state: StateDirectory,
  request: SourceRequest,
  guard: RemoteGuard | undefined,
  signal: AbortSignal,
): Promise<Opened> {
  const remote = await openRemote(request.repo, guard);
  const { branch, tag, commit, objects } = await fetchCommit(git, state, remote, request, signal);
  const source: RunSource = {
    repo: { key: remote.url.key, name: remote.url.name },
    branch,
    tag,
    commit: commit.hash,
    commitMessage: commit.message,
    tree: commit.tree,
    dirty: null,
  };
  return { source, rootDir: null, warnings: [], objects: { tree: commit.tree, directories: [objects] } };
}

function describe(
  repository: LocalRepository,
  branch: string | null,
  commit: Commit | undefined,
  rest: Pick<RunSource, "tree" | "dirty">,
): RunSource {
  const key = keyOf(repository);
  return {
    repo: { key, name: basename(key).replace(/\.git$/, "") || key },
    branch,
    tag: null,
    commit: commit?.hash ?? null,
    commitMessage: commit?.message ?? null,
    ...rest,
  };
}

/** A repository of this host is known by the real path of its top level (a bare one: of itself). */
function keyOf(repository: LocalRepository): string {
  return repository.topLevel ?? repository.cwd;
}
