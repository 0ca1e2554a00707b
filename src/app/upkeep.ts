/** What `doctor` asks and `gc` does beyond store and executors; composed in `main` like the rest of `App`. */
export interface Upkeep {
  /** Throws GIT_MISSING. */
  askGit(): Promise<{ version: string }>;
  /** Throws DOCKER_UNREACHABLE, DOCKER_FAILED. */
  askDocker(): Promise<DockerFacts>;
  askStateDirectory(): Promise<StateDirectoryFacts>;
  /** The file system of the state directory and, where it is another one, that of the database's file. */
  askDisks(): Promise<DiskFacts[]>;
  /**
   * Removes (or counts) snapshots, layers, blobs and clones that nothing kept refers to, here and, where this host has the
   * team's database, in the shared store.
   */
  collectGarbage(
    kept: KeptArtifacts,
    options: { olderThanMs: number; dryRun: boolean },
    signal: AbortSignal,
  ): Promise<CollectedGarbage>;
}

export interface DockerFacts {
  host: string;
  version: string;
  apiVersion: string;
  storageDriver: string;
  operatingSystem: string;
  /** How workspaces reach containers: as an overlay mount, or copied. */
  workspaceMode: "overlay" | "copy";
}

export interface StateDirectoryFacts {
  path: string;
  isWritable: boolean;
  /** Nobody but its owner may look into it. */
  isPrivate: boolean;
}

export interface DiskFacts {
  path: string;
  freeBytes: number;
  totalBytes: number;
}

export interface KeptArtifacts {
  trees: ReadonlySet<string>;
  layers: ReadonlySet<string>;
  blobs: ReadonlySet<string>;
}

/** How many of each, and the bytes they took. */
export interface CollectedGarbage {
  snapshots: number;
  layers: number;
  layerNames: string[];
  /** What jobs keep for later runs and was not used for long. */
  caches: number;
  blobs: number;
  clones: number;
  objects: number;
  /** Packs of what was received from other hosts. */
  received: number;
  /** Snapshots and layers in the shared store. */
  shared: number;
  temporary: number;
  bytes: number;
}
