import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { ArtifactReader, ArtifactSink, LayerPath, LayerStore, StoredLayer } from "../run/workspace.ts";
import { DEFAULT_LAYER_LIMITS } from "./layer-builder.ts";
import { OncePerHost } from "./once-per-host.ts";
import { packLayers } from "./pack-layers.ts";
import type { SharedStore } from "./shared-store.ts";
import type { SharedTrees } from "./shared-trees.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { writeStream } from "./write-stream.ts";

type Layers = LayerStore & ArtifactReader;

const { maxBytes, maxEntries } = DEFAULT_LAYER_LIMITS;
/** Of an archive, unpacked: its files, and up to three blocks of 512 bytes and a long name for each. */
const MAX_TAR_BYTES = maxBytes + maxEntries * 4096;

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
      ...local.caches,
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

/** Layers in the shared store: each as one compressed tar. */
class LayerArchive {
  private readonly once: OncePerHost;

  constructor(
    private readonly local: Layers,
    private readonly state: StateDirectory,
    private readonly shared: SharedStore,
  ) {
    this.once = new OncePerHost(state);
  }

  async publish(layer: string): Promise<void> {
    const { signal } = new AbortController();
    await using directory = await openTemporaryDirectory(this.state, "share");
    const file = join(directory.path, "layer");
    const make = async () => {
      const tar = packLayers([await this.local.layerPath(layer)], signal);
      await writeStream(tar.pipeThrough(new CompressionStream("zstd")), file);
      return file;
    };
    await this.shared.publish(keyOf(layer), make, signal);
  }

  /** `false`: it is not there. A layer is named by its content: what comes out under another name is refused. */
  async fetch(layer: string): Promise<boolean> {
    if (!/^[0-9a-f]+$/.test(layer)) return false;
    const isHere = () =>
      this.local.layerPath(layer).then(
        (_path: LayerPath) => true,
        () => false,
      );
    await this.once.run(`layer-${layer}`, isHere, () => this.fetchArchive(layer));
    return await isHere();
  }

  private async fetchArchive(layer: string): Promise<void> {
    const { signal } = new AbortController();
    await using directory = await openTemporaryDirectory(this.state, "fetch");
    const file = join(directory.path, "layer");
    if (!(await this.shared.download(keyOf(layer), file, MAX_TAR_BYTES, signal))) return;
    await using sink = await this.local.openSink();
    try {
      const tar = Bun.file(file).stream().pipeThrough(new DecompressionStream("zstd"));
      await sink.addTar(limited(tar, MAX_TAR_BYTES), { toPath: (name) => name, accept: () => true });
    } catch (error) {
      const isWrong = !(error instanceof CicdError) || error.code === "ARCHIVE_REFUSED";
      throw isWrong ? this.shared.wrongContent(keyOf(layer), error) : error;
    }
    if ((await sink.commit()).layer !== layer) throw this.shared.wrongContent(keyOf(layer));
  }
}

function keyOf(layer: string): string {
  return `layers/${layer}.tar.zst`;
}

async function* limited(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0;
  for await (const chunk of bytes) {
    seen += chunk.length;
    if (seen > maxBytes)
      throw new CicdError("ARCHIVE_REFUSED", `The archive is larger than ${maxBytes} bytes when unpacked.`);
    yield chunk;
  }
}
