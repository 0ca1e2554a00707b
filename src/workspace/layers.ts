import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { ArtifactReader, ArtifactSink, LayerPath, LayerStore } from "../run/workspace.ts";
import { openArtifactSink } from "./artifact-sink.ts";
import { BlobStore } from "./blob-store.ts";
import { createCacheStore } from "./cache-store.ts";
import { DEFAULT_LAYER_LIMITS, type LayerLimits } from "./layer-builder.ts";
import { listBelow } from "./list-below.ts";
import { packLayers } from "./pack-layers.ts";
import { markUsed, NAME_LENGTH, type StateDirectory, snapshotPathOf } from "./state-directory.ts";
import { writeLayerOut } from "./write-layer-out.ts";

/** Snapshots and artifact layers below the state directory. Asking for one marks it as used. */
export function createLayerStore(
  state: StateDirectory,
  limits: LayerLimits = DEFAULT_LAYER_LIMITS,
): LayerStore & ArtifactReader {
  const blobs = new BlobStore(state);
  const snapshotPath = async (tree: string): Promise<LayerPath> => {
    const path = snapshotPathOf(state, tree);
    if (/^[0-9a-f]{40,64}$/.test(tree) && (await markUsed(path))) return path;
    const message = `The snapshot of the tree ${tree.slice(0, 64)} is not on this host any more.`;
    throw new CicdError("GIT_FAILED", message, { hint: "Start a new run." });
  };
  return {
    snapshotPath,
    listSnapshot: async (tree) => new Set(await listBelow(await snapshotPath(tree))),
    caches: createCacheStore(state, blobs, limits, snapshotPath),
    layerPath: (layer) => layerPath(state, layer),
    openSink: (): Promise<ArtifactSink> => openArtifactSink(state, blobs, limits),
    readArtifact: async (_layer, sha256) => blobs.read(sha256),
    async readLayers(layers, signal) {
      const paths = await Promise.all(layers.map((layer) => layerPath(state, layer)));
      return packLayers(paths, signal);
    },
    async writeOut(layer, directory, options, signal) {
      await writeLayerOut(await layerPath(state, layer), directory, options, signal);
    },
  };
}

async function layerPath(state: StateDirectory, layer: string): Promise<LayerPath> {
  const path = join(state.layers, layer);
  if (new RegExp(`^[0-9a-f]{${NAME_LENGTH}}$`).test(layer) && (await markUsed(path))) return path;
  throw new CicdError(
    "NOT_FOUND",
    `The artifact layer ${JSON.stringify(layer.slice(0, 64))} is not stored here any more.`,
  );
}
