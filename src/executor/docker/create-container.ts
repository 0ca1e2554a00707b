import type Dockerode from "dockerode";
import type { AttemptSpec } from "../../run/executor.ts";
import { callEngine, type Engine } from "./connection.ts";
import { containerOptions, type Launch, type ResourceLimits } from "./container-options.ts";
import { ask, statusOf } from "./engine-error.ts";
import type { ImageFacts, JobImages } from "./images.ts";
import type { JobNetworks } from "./network.ts";
import type { SandboxPool, SandboxStay } from "./sandbox/pool.ts";
import { makeServiceNetwork } from "./services/service-network.ts";
import { makeWorkspace, type PreparedWorkspace, type WorkspaceMode } from "./workspace-volumes.ts";

/** An engine and what is remembered of it. */
export interface EngineParts {
  engine: Engine;
  images: JobImages;
  networks: JobNetworks;
  /** Undefined: every job gets a network of its own. */
  sandboxes: SandboxPool | undefined;
}

/** What a container is made with. `network`: of an attempt with services, one of its own. */
export interface Place {
  facts: ImageFacts;
  network: string;
  /** What is joined instead of the network, if something is; to be left by whoever has the place. */
  sandbox: SandboxStay | undefined;
  workspace: PreparedWorkspace;
}

/**
 * Has image, network and workspace ready; `mayShare`: a sandbox, too, where that pays. Throws as JobImages, JobNetworks and
 * `makeWorkspace` do; the signal's reason when aborted.
 */
export async function preparePlace(
  { engine, images, networks, sandboxes }: EngineParts,
  workspaceMode: Promise<WorkspaceMode>,
  spec: AttemptSpec,
  mayShare: boolean,
  signal: AbortSignal,
): Promise<Place> {
  spec.onPhase("pull");
  const { image, services } = spec.job;
  const [facts, shared, mode] = await Promise.all([
    images.ensure(image!, spec.onProgress, signal),
    services.length === 0 ? networks.ensure(spec.labels) : undefined,
    workspaceMode,
    ...services.map((service) => images.ensure(service, spec.onProgress, signal)),
  ]);
  signal.throwIfAborted();
  spec.onPhase("workspace");
  const network = shared ?? (await makeServiceNetwork(engine, spec));
  const wish = { run: spec.labels.run, network, image: facts.id, toCome: spec.toCome };
  const entering = mayShare && services.length === 0 ? sandboxes?.enter(wish) : undefined;
  try {
    const workspace = await makeWorkspace(engine, mode, spec);
    signal.throwIfAborted();
    return { facts, network, sandbox: await entering, workspace };
  } catch (error) {
    (await entering)?.leave("stopped");
    throw error;
  }
}

/** `exists`: there is a container of this name. `stale`: the image, the network or the sandbox was removed behind our back. */
export async function createContainer(
  { engine, images, networks }: EngineParts,
  spec: AttemptSpec,
  launch: Launch,
  { network, sandbox, workspace }: Place,
  limits: ResourceLimits,
): Promise<{ id: string } | "exists" | "stale"> {
  const image = spec.job.image!;
  spec.onPhase("start");
  try {
    const body = containerOptions(spec, launch, {
      image: image.name,
      networkMode: sandbox?.networkMode ?? network,
      volume: workspace.volume,
      limits,
    });
    return { id: await postContainer(engine, spec.name, body, image.platform) };
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
  platform?: string,
): Promise<string> {
  const created = await callEngine(engine, {
    path: "/containers/create?",
    method: "POST",
    options: { _query: { name, ...(platform !== undefined && { platform }) }, _body: body },
    statusCodes: { 200: true, 201: true },
  });
  return (created as { Id: string }).Id;
}
