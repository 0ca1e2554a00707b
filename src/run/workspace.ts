import type { ArtifactRecord, RepoRef, RunSource } from "./records.ts";

/** Absolute path of a directory on this host whose content is never changed again. */
export type LayerPath = string;

/** Snapshots by git tree hash and artifact layers by name, on this host. */
export interface LayerStore {
  /** Where the snapshot of a tree lies. Throws GIT_FAILED when it was never taken or is gone. */
  snapshotPath(tree: string): Promise<LayerPath>;
  layerPath(layer: string): Promise<LayerPath>;
  /** Begins a new artifact layer. */
  openSink(): Promise<ArtifactSink>;
  /** Every file, link and directory of a snapshot, relative to it. Throws as `snapshotPath`. */
  listSnapshot(tree: string): Promise<ReadonlySet<string>>;
  readonly caches: CacheStore;
}

/** Who shares caches: the runs of a repository, but those of a fork's pull request only among themselves. */
export interface CacheScope {
  repoKey: string;
  trust: "trusted" | `pr-${number}`;
}

/** `layer`: its name, from its content alone. `selection`: tells apart what selections a cache was made by. */
export interface StoredCache {
  layer: string;
  sizeBytes: number;
  selection: string;
}

export interface FoundCache extends StoredCache {
  key: string;
  path: LayerPath;
}

/** What jobs keep for later runs, on this host: layers with a name that the jobs choose. */
export interface CacheStore {
  /**
   * What is kept under the first of the keys under which something whole is. Undefined: a miss, for whatever reason; of damage
   * `note` is told. Throws the signal's reason, and nothing else.
   */
  find(
    scope: CacheScope,
    keys: string[],
    note: (line: string) => void,
    signal: AbortSignal,
  ): Promise<FoundCache | undefined>;
  /**
   * 40 hex digits of a hash over paths and contents of these files of a snapshot; links are not followed. Null: there is none
   * of them. Throws as `snapshotPath`.
   */
  hashFiles(tree: string, patterns: string[]): Promise<string | null>;
  /** Begins a new layer, for `keep`. Links may lead anywhere. */
  openSink(): Promise<ArtifactSink>;
  /**
   * Puts a committed layer under a key in one step; the last one counts. `same`: it was there already. Throws
   * PERMISSION_DENIED, DISK_FULL, IO_FAILED.
   */
  keep(scope: CacheScope, key: string, stored: StoredCache): Promise<"kept" | "same">;
}

/** `layer` null: it was empty. `leftOut`: what was not taken, the first of it by name. */
export interface StoredLayer {
  layer: string | null;
  artifacts: ArtifactRecord[];
  leftOut: { entries: { path: string; why: string }[]; count: number };
}

/**
 * Takes the files of one attempt's artifacts, unsafe as they may be: links out of the workspace, devices and hard links to
 * what was not taken are left out; absolute paths, `..`, damaged archives and totals over the limits are refused with
 * ARCHIVE_REFUSED. Nothing is visible before `commit`; disposing without it removes everything.
 */
export interface ArtifactSink extends AsyncDisposable {
  /**
   * Reads an uncompressed tar stream to its end. `prefix` is taken off (or put before) entry names to make them
   * relative to the workspace; entries that `accept` denies are passed over. Returns the number of files and links taken.
   */
  addTar(
    tar: AsyncIterable<Uint8Array>,
    options: { toPath: (entryName: string) => string; accept: (path: string) => boolean },
  ): Promise<number>;
  /** The same from a directory of this host; links are stored as links, never followed. */
  addDirectory(root: string, options: { accept: (path: string) => boolean }): Promise<number>;
  /** Moves the layer into place in one step. */
  commit(): Promise<StoredLayer>;
}

/** Stored artifacts, for people who fetch them. */
export interface ArtifactReader {
  /** The bytes of one artifact of a layer. Throws NOT_FOUND. */
  readArtifact(layer: string, sha256: string): Promise<ReadableStream<Uint8Array>>;
  /** Layers, one or more, as one uncompressed tar, links and modes kept; of one path the last one counts. Throws NOT_FOUND. */
  readLayers(layers: readonly string[], signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /**
   * Writes a layer's files to `directory`: made whole beside it, then renamed. Where that has something in it: USAGE, or,
   * with `force`, the files are put among what is there. Throws NOT_FOUND, DISK_FULL, PERMISSION_DENIED.
   */
  writeOut(layer: string, directory: string, options: { force: boolean }, signal: AbortSignal): Promise<void>;
}

/** Where a run's tree comes from, as the user named it: a path of this host or a git URL. */
export interface SourceRequest {
  repo: string;
  branch?: string;
  commit?: string;
  /**
   * Of a URL: a ref of the remote such as `refs/tags/v1` or `refs/pull/7/head`; excludes `branch`. With `commit`: that one
   * of the ref's history.
   */
  ref?: string;
}

/** Two commits by their full hashes. `ref` makes sure of those that are in no branch or tag, such as `refs/pull/7/head`. */
export interface CommitRange {
  from: string;
  to: string;
  ref?: string;
  /** `merge-base`: since `to` left `from`, as pull requests show it. */
  since: "from" | "merge-base";
}

/** An opened source: one fixed git tree, and the pipeline files in it. */
export interface Source {
  source: RunSource;
  /** Top level of a local repository; null for a URL. */
  rootDir: string | null;
  /** Such as submodules that are not part of the snapshot; one sentence each. */
  warnings: string[];
  /** A file of the tree, `/`-separated from its top, at most 1 MiB and one byte. Undefined: there is none. */
  readFile(path: string): Promise<string | undefined>;
  /** The files below a directory of the tree (`""`: all), sorted. */
  listFiles(prefix: string): Promise<string[]>;
  /** The branch that others leave, as far as the repository on this host tells. */
  defaultBranch(): Promise<string | null>;
  /**
   * The files that changed since the tree left `base` (null: the default branch), what is not committed with them. Null: that
   * cannot be told here. Throws GIT_REF_NOT_FOUND.
   */
  changedPaths(base: string | null): Promise<string[] | null>;
  /** Makes sure that `LayerStore.snapshotPath(source.tree)` exists. */
  takeSnapshot(signal: AbortSignal): Promise<void>;
}

/** Opens sources, and keeps their snapshots at hand. Opening throws GIT_MISSING, GIT_NOT_A_REPOSITORY, GIT_REF_NOT_FOUND, GIT_URL_REFUSED, GIT_FAILED, DISK_FULL. */
export interface SourceOpener {
  open(request: SourceRequest, signal: AbortSignal): Promise<Source>;
  /**
   * Makes sure that the snapshot of a recorded run exists, taking it again from the git objects where it is gone. Throws
   * SNAPSHOT_GONE where those are gone too, DISK_FULL.
   */
  restoreSnapshot(source: RunSource, signal: AbortSignal): Promise<void>;
  /** The key runs of this repository are recorded under, without reading its tree. */
  repoKey(repo: string, signal: AbortSignal): Promise<string>;
  /**
   * The repository as a team's server knows it, the same on every host and by every protocol: `https://HOST/PATH` of a URL
   * or of the remote `origin` (without user, port of ssh, `.git`), else `HOSTNAME/absolute/path`.
   */
  sharedRepo(repo: string, signal: AbortSignal): Promise<RepoRef>;
  /**
   * The files of a remote repository that two commits differ in, renamed ones by both names. Undefined: that cannot be
   * told, since a commit is gone (after a forced push) or they have nothing in common. Throws as `open`.
   */
  changedFiles(url: string, range: CommitRange, signal: AbortSignal): Promise<string[] | undefined>;
  /**
   * Which of these paths git ignores in the working tree whose top level is `root`: a source would not hold them. Undefined
   * where it holds none of them.
   */
  ignoredFiles(root: string, paths: string[], signal: AbortSignal): Promise<string[] | undefined>;
}

/**
 * Moves the files of trees between hosts, as git objects: what the other side has is not sent again. Ids are git object
 * ids, hex. What was received is known to the host that received it alone. Throws GIT_FAILED, DISK_FULL,
 * PERMISSION_DENIED.
 */
export interface TreeTransfer {
  /** Every tree and file of a source that was opened here, the root first; submodules are left out. */
  listObjects(source: Source, signal: AbortSignal): Promise<string[]>;
  /** A git pack of exactly these objects of it, made as it is read. Must be read to its end or canceled. */
  writePack(source: Source, ids: string[], signal: AbortSignal): ReadableStream<Uint8Array>;
  /** Which of these ids are not among the objects received here. */
  findMissing(ids: string[], signal: AbortSignal): Promise<string[]>;
  /**
   * Takes a pack of at most `maxBytes`; nothing of it is kept unless every object is sound. A tree comes in the same pack
   * as what it names, or after it. Throws ARCHIVE_REFUSED (not a pack, damaged, over a limit, a tree with unsafe names),
   * TREE_INCOMPLETE (a tree names what was not received).
   */
  receivePack(
    pack: ReadableStream<Uint8Array>,
    limits: { maxBytes: number },
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * The source of a tree whose objects were received. Throws TREE_INCOMPLETE where some are missing, ARCHIVE_REFUSED where
   * the tree is larger than the limits of an archive.
   */
  openReceived(described: RunSource, signal: AbortSignal): Promise<Source>;
}
