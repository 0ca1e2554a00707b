import { CicdError } from "../../errors/cicd-error.ts";
import type { AttemptLabels, AttemptSpec, Execution, Executor, SweepResult } from "../../run/executor.ts";
import type { Outlook } from "../../run/outlook.ts";
import { settlesWithin } from "../attempt/deadline.ts";
import { CANCELED, failedResult, LEFTOVERS_GONE } from "../attempt/result.ts";
import { settledExecution } from "../attempt/settled-execution.ts";
import { stopReason } from "../attempt/supervision.ts";
import { lateResult, TimeLimit } from "../attempt/time-limit.ts";
import { environmentProblem } from "../script/environment.ts";
import { type DockerConnection, openEngine } from "./connection.ts";
import { FILES, planLaunch, type ResourceLimits, WORKSPACE } from "./container-options.ts";
import { createContainer, type EngineParts, type Place, preparePlace } from "./create-container.ts";
import { ask, engineError } from "./engine-error.ts";
import { DockerExecution, type JobContainer } from "./execution.ts";
import { fillContainer } from "./fill-container.ts";
import { ForeignContainerError, findOwnContainer } from "./find-own-container.ts";
import { ImagePullError, JobImages } from "./images.ts";
import { ownerLabels } from "./labels.ts";
import { JobNetworks } from "./network.ts";
import type { DockerLogin } from "./registry-credentials.ts";
import { removeAttempt } from "./removal.ts";
import { type SandboxEnd, SandboxPool } from "./sandbox/pool.ts";
import { isOfSandbox } from "./sandbox/sandbox.ts";
import { serviceEnvironment } from "./services/service-environment.ts";
import { ServiceFailure } from "./services/service-failure.ts";
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
  /** How long a service may take to become ready. Default: two minutes. */
  serviceLimitMs?: number;
  /** Instead of finding out. */
  workspaceMode?: WorkspaceMode;
  /** The process for which sandboxes are kept ready between jobs; without it every job gets a network of its own. */
  owner?: SandboxOwner;
}

/** Marks what belongs to this process, and tells whose process is gone, on other hosts or in other containers too. */
export interface SandboxOwner {
  /** Asked for once, when there is something to mark. The name holds until it is disposed of, or the process is gone. */
  begin(): Promise<AsyncDisposable & { name: string }>;
  /** Judges names that processes of this instance have had. */
  isAlive(name: string): Promise<boolean>;
}

/** Such a probe takes a second. */
const PROBE_MS = 10_000;
const CHECK_MS = 5_000;
const SERVICE_LIMIT_MS = 120_000;

/** Runs each attempt in a container of its own. Nothing is sent to the engine before the first call. */
export function createDockerExecutor(options: DockerExecutorOptions): DockerExecutor {
  return new DockerExecutor(options);
}

export class DockerExecutor implements Executor {
  readonly kind = "docker";
  readonly #options: DockerExecutorOptions;
  #parts: Promise<EngineParts> | undefined;
  #mode: Promise<WorkspaceMode> | undefined;
  #mark: ReturnType<SandboxOwner["begin"]> | undefined;

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

  filePath(_name: string, file: string): string {
    return `${FILES}/${file}`;
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

  prepare(image: string, expected: Outlook): void {
    void this.#prepare(image, expected).catch(() => {
      // The first job meets the same engine, and says what is wrong with it.
    });
  }

  async start(spec: AttemptSpec, signal: AbortSignal): Promise<Execution> {
    const problem = specProblem(spec);
    if (problem !== undefined) return settledExecution(failedResult("config_error", null, problem));
    using limit = new TimeLimit(spec.timeoutMs);
    const over = new AbortController();
    const { engine } = await this.#open();
    try {
      return await this.#createAndLaunch(spec, { stop: signal, limit, over });
    } catch (error) {
      over.abort();
      // Whoever takes over after a detach finds what there is and goes on with it.
      if (signal.aborted && stopReason(signal) === "detach") return settledExecution(CANCELED);
      if (error instanceof ForeignContainerError) await removeWorkspace(engine, spec.name);
      else await removeAttempt(engine, spec);
      if (signal.aborted) return settledExecution(CANCELED);
      if (limit.expired.aborted) return settledExecution(lateResult());
      if (error instanceof ImagePullError) {
        return settledExecution(failedResult("image_pull_failure", null, error.message));
      }
      if (error instanceof ServiceFailure) {
        return settledExecution(failedResult("service_failed", null, error.message), error.lines);
      }
      if (/mount/i.test(String(error))) await this.#forgetMode();
      throw error instanceof CicdError ? error : engineError(error, "run the job", engine.host);
    }
  }

  async sweep(isLive: (labels: AttemptLabels) => Promise<boolean>): Promise<SweepResult> {
    const { engine } = await this.#open();
    const { instance, owner } = this.#options;
    const isOwnerAlive = async (name: string) => (await owner?.isAlive(name)) ?? false;
    return await sweepInstance(engine, instance, { isLive, isOwnerAlive }, Date.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whoever finds out how workspaces are made removes what that took.
    if (this.#mode !== undefined)
      await settlesWithin(
        this.#mode.catch(() => undefined),
        PROBE_MS,
      );
    const parts = await this.#parts?.catch(() => undefined);
    await parts?.sandboxes?.[Symbol.asyncDispose]();
    const mark = await this.#mark?.catch(() => undefined);
    await mark?.[Symbol.asyncDispose]();
  }

  async #prepare(image: string, expected: Outlook): Promise<void> {
    const { images, networks, sandboxes } = await this.#open();
    if (sandboxes === undefined) return;
    const [facts, network] = await Promise.all([images.find(image), networks.ensureShared()]);
    if (facts !== undefined && network !== undefined)
      sandboxes.prepare({ image: facts.id, network }, expected);
  }

  /** `isAgain`: with a fresh look at image and network, and in a network of its own, after something had vanished. */
  async #createAndLaunch(spec: AttemptSpec, control: Control, isAgain = false): Promise<Execution> {
    const parts = await this.#open();
    const hasServices = spec.job.services.length > 0;
    if (spec.isUnderWay || hasServices || spec.job.image!.pullPolicy.startsWith("always")) {
      const adopted = await this.#adopt(spec, control);
      if (adopted !== undefined) return adopted;
      if (spec.isUnderWay) return settledExecution(LEFTOVERS_GONE);
    }
    // A former owner may have got as far as its services.
    if (hasServices) await removeAttempt(parts.engine, spec);
    const signal = AbortSignal.any([control.stop, control.limit.expired]);
    const place = await preparePlace(parts, this.workspaceMode(), spec, !isAgain, signal);
    try {
      const execution = await this.#launchIn(parts, place, spec, control, signal);
      if (typeof execution === "object") return execution;
      place.sandbox?.leave("stopped");
      if (execution === "exists") {
        const adopted = await this.#adopt(spec, control);
        return adopted ?? (await this.#createAndLaunch(spec, control));
      }
    } catch (error) {
      place.sandbox?.leave("unknown");
      if (isAgain || place.sandbox?.networkMode === undefined || !isOfSandbox(error)) throw error;
      await removeAttempt(parts.engine, spec);
    }
    if (!isAgain) return await this.#createAndLaunch(spec, control, true);
    throw new CicdError(
      "DOCKER_FAILED",
      `The container ${spec.name} could not be created: its image or network vanished.`,
    );
  }

  async #launchIn(
    parts: EngineParts,
    place: Place,
    spec: AttemptSpec,
    control: Control,
    signal: AbortSignal,
  ): Promise<Execution | "exists" | "stale"> {
    const { engine } = parts;
    const launch = planLaunch(spec);
    if (spec.job.services.length > 0) await this.#startServices(parts, place, spec, control, signal);
    spec.onPhase("start");
    const created = await createContainer(parts, spec, launch, place, this.#options.limits ?? {});
    if (typeof created !== "object") return created;
    spec.onPhase("workspace");
    const user = spec.job.image?.user ?? place.facts.user;
    await fillContainer(engine, created.id, { ...place, user }, launch, signal);
    spec.onPhase("start");
    await place.sandbox?.ready();
    signal.throwIfAborted();
    const container = {
      ...this.#jobContainer(created.id, spec, place.facts.env),
      ...(place.workspace.writes && { writes: { image: place.facts.id, volume: place.workspace.writes } }),
      onOver: (end: SandboxEnd) => {
        control.over.abort();
        place.sandbox?.leave(end);
      },
    };
    return await DockerExecution.launch(engine, container, spec, control.limit, control.stop);
  }

  async #startServices(
    parts: EngineParts,
    place: Place,
    spec: AttemptSpec,
    { over }: Control,
    signal: AbortSignal,
  ): Promise<void> {
    const { limits = {}, serviceLimitMs = SERVICE_LIMIT_MS } = this.#options;
    spec.onPhase("services");
    const { startServices } = await import("./services/start-services.ts");
    const { facts, network } = place;
    const there = {
      ...parts,
      network,
      limits,
      jobImage: facts.id,
      limitMs: serviceLimitMs,
      over: over.signal,
    };
    await startServices(there, spec, signal);
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

  async #openParts(): Promise<EngineParts> {
    const { connection, login, instance, owner } = this.#options;
    const engine = await openEngine(connection);
    const images = new JobImages(engine, login);
    const networks = new JobNetworks(engine, instance);
    if (owner === undefined) return { engine, images, networks, sandboxes: undefined };
    const labels = async () => {
      this.#mark ??= owner.begin();
      return ownerLabels(instance, (await this.#mark).name);
    };
    const newName = () => `cicd-sandbox-${crypto.randomUUID()}`;
    return { engine, images, networks, sandboxes: new SandboxPool(engine, labels, newName) };
  }

  #open(): Promise<EngineParts> {
    if (this.#parts === undefined) {
      this.#parts = this.#openParts();
      this.#parts.catch(() => {
        this.#parts = undefined;
      });
    }
    return this.#parts;
  }
}

/** Why it cannot be carried out as it is written. */
function specProblem(spec: AttemptSpec): string | undefined {
  if (!spec.job.image) return "The job has no image.";
  const services = spec.job.services.map((service) => serviceEnvironment(spec, service));
  for (const environment of [spec.environment, ...services]) {
    const problem = environmentProblem(environment);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What may end an attempt: the caller's signal, and the time it has. */
interface Control {
  stop: AbortSignal;
  limit: TimeLimit;
  /** Aborted once nothing more may be said of it. */
  over: AbortController;
}
