import { CicdError } from "../../errors/cicd-error.ts";
import type { AttemptLabels, AttemptSpec, Execution, Executor, SweepResult } from "../../run/executor.ts";
import { settlesWithin } from "../attempt/deadline.ts";
import { CANCELED, failedResult, LEFTOVERS_GONE } from "../attempt/result.ts";
import { settledExecution } from "../attempt/settled-execution.ts";
import { stopReason } from "../attempt/supervision.ts";
import { lateResult, TimeLimit } from "../attempt/time-limit.ts";
import { environmentProblem } from "../script/environment.ts";
import { type DockerConnection, openEngine } from "./connection.ts";
import { type Launch, planLaunch, type ResourceLimits, WORKSPACE } from "./container-options.ts";
import { createContainer, type EngineParts, type Place, preparePlace } from "./create-container.ts";
import { ask, engineError } from "./engine-error.ts";
import { DockerExecution, type JobContainer } from "./execution.ts";
import { fillContainer } from "./fill-container.ts";
import { ForeignContainerError, findOwnContainer } from "./find-own-container.ts";
import { ImagePullError, JobImages } from "./images.ts";
import { JobNetworks } from "./network.ts";
import type { DockerLogin } from "./registry-credentials.ts";
import { removeAttempt } from "./removal.ts";
import { searchPathOf } from "./shell-search.ts";
import { sweepInstance } from "./sweep.ts";
import { findWorkspaceMode, forgetWorkspaceModes } from "./workspace-mode.ts";
import { removeWorkspace, type WorkspaceMode } from "./workspace-volumes.ts";

export interface DockerExecutorOptions {
  connection: DockerConnection;
  /** Whose credentials pulls use; none when absent. */
  login?: DockerLogin;
  /** Names this installation in labels; `[a-z0-9][a-z0-9_.-]*`. */
  instance: string;
  /** An existing directory of this host for what is remembered between processes. */
  stateDir: string;
  limits?: ResourceLimits;
  /** Instead of finding out. */
  workspaceMode?: WorkspaceMode;
}

const CHECK_MS = 5_000;

/** Runs each attempt in a container of its own. Nothing is sent to the engine before the first call. */
export function createDockerExecutor(options: DockerExecutorOptions): DockerExecutor {
  return new DockerExecutor(options);
}

export class DockerExecutor implements Executor {
  readonly kind = "docker";
  readonly #options: DockerExecutorOptions;
  #parts: Promise<EngineParts> | undefined;
  #mode: Promise<WorkspaceMode> | undefined;

  constructor(options: DockerExecutorOptions) {
    this.#options = options;
  }

  async check(): Promise<void> {
    const { engine } = await this.#open();
    const answer = ask(engine.host, "answer", engine.docker.ping());
    if (await settlesWithin(answer, CHECK_MS)) await answer;
    else throw new CicdError("DOCKER_UNREACHABLE", `The Docker engine at ${engine.host} does not answer.`);
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
    using limit = new TimeLimit(spec.timeoutMs);
    const { engine } = await this.#open();
    try {
      return await this.#createAndLaunch(spec, { stop: signal, limit });
    } catch (error) {
      // Whoever takes over after a detach finds what there is and goes on with it.
      if (signal.aborted && stopReason(signal) === "detach") return settledExecution(CANCELED);
      if (error instanceof ForeignContainerError) await removeWorkspace(engine, spec.name);
      else await removeAttempt(engine, spec.name);
      if (signal.aborted) return settledExecution(CANCELED);
      if (limit.expired.aborted) return settledExecution(lateResult());
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

  async #createAndLaunch(spec: AttemptSpec, control: Control): Promise<Execution> {
    const { engine } = await this.#open();
    if (spec.isUnderWay || spec.job.image!.pullPolicy === "always") {
      const adopted = await this.#adopt(spec, control);
      if (adopted !== undefined) return adopted;
      if (spec.isUnderWay) return settledExecution(LEFTOVERS_GONE);
    }
    const signal = AbortSignal.any([control.stop, control.limit.expired]);
    const place = await this.#preparePlace(spec, signal);
    const launch = planLaunch(spec);
    const created = await this.#create(spec, launch, place);
    if (created === "exists") {
      const adopted = await this.#adopt(spec, control);
      return adopted ?? (await this.#createAndLaunch(spec, control));
    }
    const id = created === "stale" ? await this.#createAgain(spec, launch, signal) : created.id;
    await fillContainer(engine, id, place, launch, signal);
    signal.throwIfAborted();
    return await DockerExecution.launch(
      engine,
      this.#jobContainer(id, spec, place.facts.env),
      spec,
      control.limit,
      control.stop,
    );
  }

  async #preparePlace(spec: AttemptSpec, signal: AbortSignal): Promise<Place> {
    return await preparePlace(await this.#open(), this.workspaceMode(), spec, signal);
  }

  async #create(spec: AttemptSpec, launch: Launch, place: Place) {
    return await createContainer(await this.#open(), spec, launch, place, this.#options.limits ?? {});
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

  /** Takes over the attempt's container. Undefined: none has started. Throws ForeignContainerError. */
  async #adopt(spec: AttemptSpec, { stop, limit }: Control): Promise<Execution | undefined> {
    const { engine } = await this.#open();
    const found = await findOwnContainer(engine, spec);
    if (found === undefined) return undefined;
    const container = this.#jobContainer(found.Id, spec, found.Config.Env);
    return await DockerExecution.adopt(engine, container, found.State, spec, limit, stop);
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

  #open(): Promise<EngineParts> {
    if (this.#parts === undefined) {
      this.#parts = openParts(this.#options);
      this.#parts.catch(() => {
        this.#parts = undefined;
      });
    }
    return this.#parts;
  }
}

/** What may end an attempt: the caller's signal, and the time it has. */
interface Control {
  stop: AbortSignal;
  limit: TimeLimit;
}

async function openParts({ connection, login, instance }: DockerExecutorOptions): Promise<EngineParts> {
  const engine = await openEngine(connection);
  return { engine, images: new JobImages(engine, login), networks: new JobNetworks(engine, instance) };
}
