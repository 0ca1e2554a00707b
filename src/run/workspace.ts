import type { ArtifactRecord } from "./records.ts";

/** Absolute path of a directory on this host whose content is never changed again. */
export type LayerPath = string;

/** Snapshots by git tree hash and artifact layers by name, on this host. */
export interface LayerStore {
  /** Where the snapshot of a tree lies. Throws GIT_FAILED when it was never taken or is gone. */
  snapshotPath(tree: string): Promise<LayerPath>;
  layerPath(layer: string): Promise<LayerPath>;
  /** Begins a new artifact layer. */
  openSink(): Promise<ArtifactSink>;
}

/**
 * Takes the files of one attempt's artifacts, unsafe as they may be: absolute paths, `..`, links out of the workspace,
 * devices and hard links out are refused with ARCHIVE_REFUSED, so are totals over the limits. Nothing is visible before
 * `commit`; disposing without it removes everything.
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
  /** Moves the layer into place in one step. Null: it was empty. */
  commit(): Promise<{ layer: string | null; artifacts: ArtifactRecord[] }>;
}
