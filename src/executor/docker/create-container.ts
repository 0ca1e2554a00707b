import type Dockerode from "dockerode";
import type { AttemptSpec } from "../../run/executor.ts";
import { callEngine, type Engine } from "./connection.ts";
import { containerOptions, type Launch, type ResourceLimits } from "./container-options.ts";
import { ask, statusOf } from "./engine-error.ts";
import type { ImageFacts, JobImages } from "./images.ts";
import type { JobNetworks } from "./network.ts";
import { makeWorkspace, type PreparedWorkspace, type WorkspaceMode } from "./workspace-volumes.ts";

/** An engine and what is remembered of it. */
export interface EngineParts {
  engine: Engine;
  images: JobImages;
  networks: JobNetworks;
}

/** What a container is made with. */
export interface Place {
  facts: ImageFacts;
  network: string;
  workspace: PreparedWorkspace;
}

/** Has image, network and workspace ready. Throws as JobImages, JobNetworks and `makeWorkspace` do; the signal's reason when aborted. */
export async function preparePlace(
  { engine, images, networks }: EngineParts,
  workspaceMode: Promise<WorkspaceMode>,
  spec: AttemptSpec,
  signal: AbortSignal,
): Promise<Place> {
  const [facts, network, mode] = await Promise.all([
    images.ensure(spec.job.image!, spec.onProgress, signal),
    networks.ensure(spec.labels),
    workspaceMode,
  ]);
  signal.throwIfAborted();
  const workspace = await makeWorkspace(engine, mode, spec);
  signal.throwIfAborted();
  return { facts, network, workspace };
}

/** `exists`: there is a container of this name. `stale`: the image or the network was removed behind our back. */
export async function createContainer(
  { engine, images, networks }: EngineParts,
  spec: AttemptSpec,
  launch: Launch,
  { network, workspace }: Place,
  limits: ResourceLimits,
): Promise<{ id: string } | "exists" | "stale"> {
  const image = spec.job.image!.name;
  try {
    const body = containerOptions(spec, launch, { image, network, volume: workspace.volume, limits });
    return { id: await postContainer(engine, spec.name, body) };
  } catch (error) {
    const status = statusOf(error);
    if (status === 409) return "exists";
    if (status !== 404) return await ask(engine.host, "create the container", Promise.reject(error));
    images.forget(image);
    networks.forget();
    return "stale";
  }
}

/** Asked directly: dockerode puts everything, the environment included, into the URL as well. Rejects as dockerode does. */
export async function postContainer(
  engine: Engine,
  name: string,
  body: Dockerode.ContainerCreateOptions,
): Promise<string> {
  const created = await callEngine(engine, {
    path: "/containers/create?",
    method: "POST",
    options: { _query: { name }, _body: body },
    statusCodes: { 200: true, 201: true },
  });
  return (created as { Id: string }).Id;
}
