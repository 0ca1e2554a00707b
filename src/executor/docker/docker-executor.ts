import type { Readable } from "node:stream";
import { CicdError, messageOf } from "../../errors/cicd-error.ts";
import type { AttemptLabels, AttemptSpec, Execution, Executor, SweepResult } from "../../run/executor.ts";
import type { LayerPath } from "../../run/workspace.ts";
import { canceledResult, failedResult } from "../attempt/result.ts";
import { settledExecution } from "../attempt/settled-execution.ts";
import { stopReason } from "../attempt/supervision.ts";
import { environmentProblem } from "../script/environment.ts";
import { makeArchive, packLayers } from "./archives.ts";
import { type DockerConnection, type Engine, openEngine } from "./connection.ts";
import {
  containerOptions,
  type Launch,
  planLaunch,
  type ResourceLimits,
  WORKSPACE,
} from "./container-options.ts";
import { ask, engineError, statusOf } from "./engine-error.ts";
import { DockerExecution, type JobContainer } from "./execution.ts";
import { type ImageFacts, ImagePullError, JobImages } from "./images.ts";
import { readAttemptLabels, sameAttempt } from "./labels.ts";
import { JobNetworks } from "./network.ts";
import { removeAttempt } from "./removal.ts";
import { searchPathOf } from "./shell-search.ts";
import { sweepInstance } from "./sweep.ts";
import { findWorkspaceMode, forgetWorkspaceModes } from "./workspace-mode.ts";
import {
  makeWorkspace,
  type PreparedWorkspace,
  removeWorkspace,
  type WorkspaceMode,
} from "./workspace-volumes.ts";

export interface DockerExecutorOptions {
  connection: DockerConnection;
  /** Names this installation in labels; `[a-z0-9][a-z0-9_.-]*`. */
  instance: string;
  /** An existing directory of this host for what is remembered between processes. */
  stateDir: string;
  limits?: ResourceLimits;
  /** Instead of finding out. */
  workspaceMode?: WorkspaceMode;
}

/** Runs each attempt in a container of its own. Nothing is sent to the engine before the first call. */
export function createDockerExecutor(options: DockerExecutorOptions): DockerExecutor {
  return new DockerExecutor(options);
}

export class DockerExecutor implements Executor {
  readonly kind = "docker";
  readonly #options: DockerExecutorOptions;
  #parts: Promise<Parts> | undefined;
  #mode: Promise<WorkspaceMode> | undefined;

  constructor(options: DockerExecutorOptions) {
    this.#options = options;
  }

  projectDir(): string {
    return WORKSPACE;
  }

  /** Throws DOCKER_UNREACHABLE, DOCKER_FAILED. */
  async workspaceMode(): Promise<WorkspaceMode> {
    const { engine } = await this.#open();
    const { instance, stateDir, workspaceMode } = this.#options;
    if (workspaceMode !== undefined) return workspaceMode;
    if (this.#mode === undefined) {
      const mode = findWorkspaceMode(engine, instance, stateDir);
      mode.catch(() => {
        if (this.#mode === mode) this.#mode = undefined;
      });
      this.#mode = mode;
    }
    return await this.#mode;
  }

  async start(spec: AttemptSpec, signal: AbortSignal): Promise<Execution> {
    const problem =
      environmentProblem(spec.environment) ?? (spec.job.image ? undefined : "The job has no image.");
    if (problem !== undefined) return settledExecution(failedResult("config_error", null, problem));
    const { engine } = await this.#open();
    try {
      return await this.#createAndLaunch(spec, signal);
    } catch (error) {
      // Whoever takes over after a detach finds what there is and goes on with it.
      if (signal.aborted && stopReason(signal) === "detach") return settledExecution(canceledResult(null));
      if (error instanceof ForeignContainerError) await removeWorkspace(engine, spec.name);
      else await removeAttempt(engine, spec.name);
      if (signal.aborted) return settledExecution(canceledResult(null));
      if (error instanceof ImagePullError) {
        return settledExecution(failedResult("image_pull_failure", null, error.message));
      }
      if (/mount/i.test(String(error))) await this.#forgetMode();
      throw error instanceof CicdError ? error : engineError(error, "run the job", engine.host);
    }
  }

  async sweep(isLive: (labels: AttemptLabels) => Promise<boolean>): Promise<SweepResult> {
    const { engine } = await this.#open();
    return await sweepInstance(engine, this.#options.instance, isLive, Date.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #createAndLaunch(spec: AttemptSpec, signal: AbortSignal): Promise<Execution> {
    const { engine } = await this.#open();
    if (spec.job.image!.pullPolicy === "always") {
      const adopted = await this.#adopt(spec, signal);
      if (adopted !== undefined) return adopted;
    }
    const place = await this.#preparePlace(spec, signal);
    const launch = planLaunch(spec);
    const created = await this.#create(spec, launch, place);
    if (created === "exists") {
      const adopted = await this.#adopt(spec, signal);
      return adopted ?? (await this.#createAndLaunch(spec, signal));
    }
    const id = created === "stale" ? await this.#createAgain(spec, launch, signal) : created.id;
    await fill(engine, id, place, launch, signal);
    signal.throwIfAborted();
    return await DockerExecution.launch(engine, this.#jobContainer(id, spec, place.facts.env), spec, signal);
  }

  async #preparePlace(spec: AttemptSpec, signal: AbortSignal): Promise<Place> {
    const { engine, images, networks } = await this.#open();
    const [facts, network, mode] = await Promise.all([
      images.ensure(spec.job.image!, spec.onProgress, signal),
      networks.ensure(spec.labels),
      this.workspaceMode(),
    ]);
    signal.throwIfAborted();
    const workspace = await makeWorkspace(engine, mode, spec);
    signal.throwIfAborted();
    return { facts, network, workspace };
  }

  /** `exists`: there is a container of this name. `stale`: the image or the network was removed behind our back. */
  async #create(
    spec: AttemptSpec,
    launch: Launch,
    { network, workspace }: Place,
  ): Promise<{ id: string } | "exists" | "stale"> {
    const { engine, images, networks } = await this.#open();
    const image = spec.job.image!.name;
    const limits = this.#options.limits ?? {};
    try {
      const options = containerOptions(spec, launch, { image, network, volume: workspace.volume, limits });
      return { id: (await engine.docker.createContainer(options)).id };
    } catch (error) {
      const status = statusOf(error);
      if (status === 409) return "exists";
      if (status !== 404) return await ask(engine.host, "create the container", Promise.reject(error));
      images.forget(image);
      networks.forget();
      return "stale";
    }
  }

  /** With a fresh look at the image and the network. */
  async #createAgain(spec: AttemptSpec, launch: Launch, signal: AbortSignal): Promise<string> {
    const created = await this.#create(spec, launch, await this.#preparePlace(spec, signal));
    if (typeof created === "object") return created.id;
    throw new CicdError(
      "DOCKER_FAILED",
      `The container ${spec.name} could not be created: its image or network vanished.`,
    );
  }

  /**
   * Takes over the attempt's container. One that never started is removed with its half-made workspace. Undefined: there
   * is none (any more). Throws DOCKER_FAILED when the name belongs to somebody else.
   */
  async #adopt(spec: AttemptSpec, signal: AbortSignal): Promise<Execution | undefined> {
    const { engine } = await this.#open();
    const found = await findContainer(engine, spec.name);
    if (found === undefined) return undefined;
    const labels = readAttemptLabels(found.Config.Labels);
    if (labels === undefined || !sameAttempt(labels, spec.labels)) {
      throw new ForeignContainerError(spec.name);
    }
    if (found.State.Status === "created") {
      await removeAttempt(engine, spec.name);
      return undefined;
    }
    const container = this.#jobContainer(found.Id, spec, found.Config.Env);
    return await DockerExecution.adopt(engine, container, found.State, spec, signal);
  }

  #jobContainer(id: string, spec: AttemptSpec, imageEnv: string[]): JobContainer {
    return {
      id,
      searchPath: searchPathOf(spec.environment, imageEnv),
      memoryLimited: this.#options.limits?.memoryBytes !== undefined,
    };
  }

  async #forgetMode(): Promise<void> {
    this.#mode = undefined;
    await forgetWorkspaceModes(this.#options.stateDir);
  }

  #open(): Promise<Parts> {
    if (this.#parts === undefined) {
      this.#parts = openParts(this.#options);
      this.#parts.catch(() => {
        this.#parts = undefined;
      });
    }
    return this.#parts;
  }
}

/** Told apart from other failures: that container is not ours to remove. */
class ForeignContainerError extends CicdError {
  constructor(name: string) {
    super("DOCKER_FAILED", `The container name ${name} is taken by a container of somebody else.`, {
      hint: "Remove or rename that container.",
    });
  }
}

/** What a container is made with. */
interface Place {
  facts: ImageFacts;
  network: string;
  workspace: PreparedWorkspace;
}

interface Parts {
  engine: Engine;
  images: JobImages;
  networks: JobNetworks;
}

async function openParts({ connection, instance }: DockerExecutorOptions): Promise<Parts> {
  const engine = await openEngine(connection);
  return { engine, images: new JobImages(engine), networks: new JobNetworks(engine, instance) };
}

async function findContainer(engine: Engine, name: string) {
  try {
    return await engine.docker.getContainer(name).inspect();
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(error, `inspect the container ${name}`, engine.host);
  }
}

/** Puts into the created container what no mount brings: copied layers, a long script, a workspace a user other than root may write to. */
async function fill(
  engine: Engine,
  containerId: string,
  { workspace, facts }: Place,
  launch: Launch,
  signal: AbortSignal,
): Promise<void> {
  const directory = WORKSPACE.slice(1);
  if (workspace.toCopy.length > 0) await copyLayers(engine, containerId, workspace.toCopy, signal);
  const isRoot = /^(|0|root)(:|$)/.test(facts.user);
  const open = isRoot || workspace.toCopy.length > 0 ? [] : [{ name: `${directory}/`, mode: 0o777 }];
  const files = [...open, ...launch.files];
  if (files.length > 0) await putArchive(engine, containerId, await makeArchive(files), signal);
}

/** Throws IO_FAILED when a layer cannot be read. */
async function copyLayers(
  engine: Engine,
  containerId: string,
  layers: LayerPath[],
  signal: AbortSignal,
): Promise<void> {
  const { tar, packed } = await packLayers(layers, WORKSPACE.slice(1));
  const unreadable = new AbortController();
  packed.catch((error) => unreadable.abort(error));
  try {
    await putArchive(engine, containerId, tar, AbortSignal.any([signal, unreadable.signal]));
  } catch (error) {
    if (signal.aborted || !unreadable.signal.aborted) throw error;
    const { reason: cause } = unreadable.signal;
    throw new CicdError("IO_FAILED", `Could not fill the workspace: ${messageOf(cause)}`, { cause });
  } finally {
    tar.destroy();
  }
}

async function putArchive(
  engine: Engine,
  containerId: string,
  archive: Buffer | Readable,
  abortSignal: AbortSignal,
): Promise<void> {
  const answer = engine.docker.getContainer(containerId).putArchive(archive, { path: "/", abortSignal });
  await ask(engine.host, "fill the container", answer);
}
