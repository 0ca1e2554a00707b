import { createHash } from "node:crypto";
import type { Files } from "../app/app.ts";
import { chooseArtifacts, type GetArtifacts, type ListedArtifact, saveArtifacts } from "../app/artifacts.ts";
import type { RunJson } from "../app/shapes.ts";
import type { ArtifactReader, LayerStore } from "../run/workspace.ts";
import { oddAnswer } from "./answers.ts";
import type { ApiClient } from "./api-client.ts";

/** Layers in a directory that goes away with it: downloads are checked there as a job's artifacts are. */
export interface Scratch extends AsyncDisposable {
  layers: LayerStore & ArtifactReader;
}

interface Parts {
  client: ApiClient;
  files: Files;
  openScratch: () => Promise<Scratch>;
}

/**
 * Fetches artifacts of a run as `getArtifacts` of the app writes them: all of a job's with its links and modes, or single
 * files. Nothing is written before everything has come and is what the server has listed. Throws SERVER_FAILED where it is
 * not.
 */
export async function fetchArtifacts(
  parts: Parts,
  run: RunJson,
  listed: { artifacts: ListedArtifact[]; expired: string | null },
  request: GetArtifacts,
  signal: AbortSignal,
): Promise<ListedArtifact[]> {
  const wanted = chooseArtifacts({ ...run, ...listed }, request.path);
  const unsafe = wanted.find(({ path }) => !isInside(path));
  if (unsafe !== undefined) throw oddAnswer(parts.client.address, `it names ${JSON.stringify(unsafe.path)}`);
  const jobs = [...new Set(wanted.map(({ job }) => job))];
  if (request.path === undefined) await fetchLayers(parts, run.id, jobs, wanted, request, signal);
  else {
    const read = (artifact: ListedArtifact) => fetchFile(parts.client, run.id, artifact, signal);
    await saveArtifacts(parts.files, wanted, read, request, signal);
  }
  return wanted;
}

async function fetchLayers(
  { client, openScratch }: Parts,
  runId: string,
  jobs: string[],
  wanted: ListedArtifact[],
  { directory, force }: GetArtifacts,
  signal: AbortSignal,
): Promise<void> {
  await using scratch = await openScratch();
  const layers: string[] = [];
  for (const job of jobs) {
    const files = wanted.filter((artifact) => artifact.job === job);
    layers.push(await fetchLayer(client, scratch.layers, { runId, job, files }, signal));
  }
  for (const [index, layer] of layers.entries()) {
    await scratch.layers.writeOut(layer, directory, { force: force || index > 0 }, signal);
  }
}

/** The name of the layer that a job's archive was put into. */
async function fetchLayer(
  client: ApiClient,
  layers: LayerStore,
  { runId, job, files }: { runId: string; job: string; files: ListedArtifact[] },
  signal: AbortSignal,
): Promise<string> {
  const response = await client.open("readArtifactLayer", { params: { run: runId, job } }, signal);
  await using sink = await layers.openSink();
  await sink.addTar(client.bytesOf(response, signal), { toPath: (name) => name, accept: () => true });
  const { layer, artifacts } = await sink.commit();
  const came = new Map(artifacts.map(({ path, sha256 }) => [path, sha256]));
  const isWhole = came.size === files.length && files.every(({ path, sha256 }) => came.get(path) === sha256);
  if (layer === null || !isWhole)
    throw oddAnswer(client.address, `the artifacts of ${JSON.stringify(job)} are not those that it lists`);
  return layer;
}

async function fetchFile(
  client: ApiClient,
  runId: string,
  { job, path, sha256 }: ListedArtifact,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const parts = { params: { run: runId, job }, query: { path } };
  const response = await client.open("readArtifact", parts, signal);
  return toStream(checked(client.bytesOf(response, signal)));

  async function* checked(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
    if (hash.digest("hex") !== sha256) throw oddAnswer(client.address, `${path} is not what it lists`);
  }
}

/** A path that stays below whatever directory it is put into. */
function isInside(path: string): boolean {
  return path.split("/").every((name) => !/^\.{0,2}$|\0/.test(name));
}

function toStream(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}
