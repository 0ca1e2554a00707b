import { CicdError } from "../errors/cicd-error.ts";
import type { ArtifactReader, ArtifactSink, LayerStore, StoredLayer } from "../run/workspace.ts";
import { LayerArchive } from "./layer-archive.ts";
import { shareCaches } from "./shared-caches.ts";
import type { SharedStore } from "./shared-store.ts";
import type { SharedTrees } from "./shared-trees.ts";
import type { StateDirectory } from "./state-directory.ts";

type Layers = LayerStore & ArtifactReader;

/**
 * Layers and snapshots of a team: what is made here reaches the shared store before `commit` returns, so that an outcome is
 * recorded after its artifacts are safe; what is not on this host is fetched when it is asked for. Everything throws
 * SHARED_STORE_FAILED too.
 */
export function shareLayers(
  local: Layers,
  state: StateDirectory,
  shared: SharedStore,
  trees: SharedTrees,
): Layers {
  const archive = new LayerArchive(local, state, shared);
  const orFetch = async <T>(layer: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!isNotHere(error) || !(await archive.fetch(layer))) throw error;
      return await read();
    }
  };
  const withSnapshot = async <T>(tree: string, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!isNotHere(error) || !(await trees.fetch(tree))) throw error;
      return await read();
    }
  };
  return {
    snapshotPath: (tree) => withSnapshot(tree, () => local.snapshotPath(tree)),
    listSnapshot: (tree) => withSnapshot(tree, () => local.listSnapshot(tree)),
    caches: {
      ...shareCaches(local.caches, state, shared, archive),
      hashFiles: (tree, patterns) => withSnapshot(tree, () => local.caches.hashFiles(tree, patterns)),
    },
    layerPath: (layer) => orFetch(layer, () => local.layerPath(layer)),
    openSink: async () => new PublishingSink(await local.openSink(), archive),
    readArtifact: (layer, sha256) => orFetch(layer, () => local.readArtifact(layer, sha256)),
    async readLayers(layers, signal) {
      for (const layer of layers) await orFetch(layer, () => local.layerPath(layer));
      return local.readLayers(layers, signal);
    },
    writeOut: (layer, directory, options, signal) =>
      orFetch(layer, () => local.writeOut(layer, directory, options, signal)),
  };
}

function isNotHere(error: unknown): boolean {
  return error instanceof CicdError && (error.code === "NOT_FOUND" || error.code === "GIT_FAILED");
}

class PublishingSink implements ArtifactSink {
  private committed: Promise<StoredLayer> | undefined;

  constructor(
    private readonly sink: ArtifactSink,
    private readonly archive: LayerArchive,
  ) {}

  addTar(...call: Parameters<ArtifactSink["addTar"]>): Promise<number> {
    return this.sink.addTar(...call);
  }

  addDirectory(...call: Parameters<ArtifactSink["addDirectory"]>): Promise<number> {
    return this.sink.addDirectory(...call);
  }

  commit(): Promise<StoredLayer> {
    this.committed ??= this.commitAndPublish();
    return this.committed;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.sink[Symbol.asyncDispose]();
  }

  private async commitAndPublish(): Promise<StoredLayer> {
    const stored = await this.sink.commit();
    if (stored.layer !== null) await this.archive.publish(stored.layer);
    return stored;
  }
}
