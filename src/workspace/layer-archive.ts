import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { ArtifactSink, LayerPath, LayerStore } from "../run/workspace.ts";
import { DEFAULT_LAYER_LIMITS } from "./layer-builder.ts";
import { OncePerHost } from "./once-per-host.ts";
import { packLayers } from "./pack-layers.ts";
import type { SharedStore } from "./shared-store.ts";
import { openTemporaryDirectory, type StateDirectory } from "./state-directory.ts";
import { writeStream } from "./write-stream.ts";

const { maxBytes, maxEntries } = DEFAULT_LAYER_LIMITS;
/** Of an archive, unpacked: its files, and up to three blocks of 512 bytes and a long name for each. */
const MAX_TAR_BYTES = maxBytes + maxEntries * 4096;

/** Layers in the shared store: each as one compressed tar. Everything throws SHARED_STORE_FAILED. */
export class LayerArchive {
  private readonly once: OncePerHost;

  constructor(
    private readonly local: LayerStore,
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

  /**
   * `false`: it is not there. A layer is named by its content: what comes out under another name is refused. `openSink` takes
   * what is in it.
   */
  async fetch(layer: string, openSink = () => this.local.openSink()): Promise<boolean> {
    if (!/^[0-9a-f]+$/.test(layer)) return false;
    const isHere = () =>
      this.local.layerPath(layer).then(
        (_path: LayerPath) => true,
        () => false,
      );
    await this.once.run(`layer-${layer}`, isHere, () => this.fetchArchive(layer, openSink));
    return await isHere();
  }

  private async fetchArchive(layer: string, openSink: () => Promise<ArtifactSink>): Promise<void> {
    const { signal } = new AbortController();
    await using directory = await openTemporaryDirectory(this.state, "fetch");
    const file = join(directory.path, "layer");
    if (!(await this.shared.download(keyOf(layer), file, MAX_TAR_BYTES, signal))) return;
    await using sink = await openSink();
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
