import { messageOf } from "../../errors/cicd-error.ts";
import type { AttemptSpec, Execution, ExecutionResult, FileSelection } from "../../run/executor.ts";
import type { ArtifactSink, LayerPath } from "../../run/workspace.ts";
import { afterLimits, CANCELED, failedResult, withAfterWarning, withWarning } from "../attempt/result.ts";
import { type Ending, stopReason, supervise } from "../attempt/supervision.ts";
import type { TimeLimit } from "../attempt/time-limit.ts";
import { type AfterMarker, putMarker, readMarker } from "./after-marker.ts";
import { type Attachment, attach } from "./attach.ts";
import { collectFrom } from "./collect.ts";
import type { Engine } from "./connection.ts";
import { containerResult } from "./container-result.ts";
import { ask } from "./engine-error.ts";
import { expectEngine } from "./expect-engine.ts";
import { LogStream } from "./log-stream.ts";
import { ranOutOfMemory } from "./out-of-memory.ts";
import { removeAttempt, removeContainer } from "./removal.ts";
import { type ContainerState, runningContainer } from "./running-container.ts";
import type { SandboxEnd } from "./sandbox/pool.ts";
import { imageHasShell } from "./shell-search.ts";
import { isUntouched, makeView, type Writes } from "./untouched.ts";

/** What an execution needs to know of its container. */
export interface JobContainer {
  id: string;
  /** The directories in which its shell is looked for. */
  searchPath: string[];
  memoryLimited: boolean;
  /** Undefined: what the job wrote cannot be told from what was there. */
  writes?: Writes;
  /** Told once nothing more is started in it, and before `result` is. */
  onOver?: (end: SandboxEnd) => void;
}

/** An attempt in its container, from the first start of the container on; made by `launch` or `adopt`. */
export class DockerExecution implements Execution {
  readonly logs: LogStream;
  readonly result: Promise<ExecutionResult>;
  readonly #engine: Engine;
  readonly #container: JobContainer;
  readonly #spec: AttemptSpec;
  readonly #limit: TimeLimit;
  readonly #signal: AbortSignal;
  readonly #killing = new AbortController();
  #detached = false;
  #isStopped = false;
  #view: Promise<string> | undefined;
  #removal: Promise<void> | undefined;

  private constructor(
    engine: Engine,
    container: JobContainer,
    spec: AttemptSpec,
    limit: TimeLimit,
    signal: AbortSignal,
    begin: (execution: DockerExecution) => Promise<ExecutionResult>,
    fromFile: boolean,
  ) {
    this.#engine = engine;
    this.#container = container;
    this.#spec = spec;
    this.#limit = limit;
    this.#signal = signal;
    this.logs = new LogStream(engine, container.id, { offset: spec.logOffset, fromFile });
    this.result = begin(this)
      .catch((error) => failedResult("runner_system_failure", null, messageOf(error)))
      .finally(() => this.#tellEnd());
  }

  /** Starts a prepared container. Throws DOCKER_FAILED when it cannot be started. */
  static async launch(
    engine: Engine,
    container: JobContainer,
    spec: AttemptSpec,
    limit: TimeLimit,
    signal: AbortSignal,
  ): Promise<DockerExecution> {
    const attachment = await startAttached(engine, container.id);
    return new DockerExecution(
      engine,
      container,
      spec,
      limit,
      signal,
      (execution) => execution.#runMain(attachment),
      attachment === undefined,
    );
  }

  /** Takes over a container that somebody started before. */
  static async adopt(
    engine: Engine,
    container: JobContainer,
    state: ContainerState,
    spec: AttemptSpec,
    limit: TimeLimit,
    signal: AbortSignal,
  ): Promise<DockerExecution> {
    const marker = spec.job.afterScript.length === 0 ? undefined : await readMarker(engine, container.id);
    return new DockerExecution(
      engine,
      container,
      spec,
      limit,
      signal,
      (execution) => {
        if (marker === undefined) return execution.#runMain(undefined);
        const afterIsStarted = state.StartedAt !== marker.mainStartedAt;
        return execution.#runAfter(marker, afterIsStarted);
      },
      true,
    );
  }

  async collect(
    selection: FileSelection,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<{ unmatched: string[] }> {
    return await collectFrom(this.#engine, this.#container.id, selection, sink, signal);
  }

  async isUntouched(layer: LayerPath, selection: FileSelection): Promise<boolean> {
    const { writes } = this.#container;
    if (writes === undefined) return false;
    this.#view ??= makeView(this.#engine, this.#spec, writes);
    return await isUntouched(this.#engine, await this.#view, this.#spec, layer, selection);
  }

  kill(): void {
    this.#killing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#detached) return;
    this.kill();
    this.#removal ??= this.#remove().catch((error) => {
      this.#removal = undefined;
      throw error;
    });
    await this.#removal;
    this.logs.close();
  }

  async #remove(): Promise<void> {
    const view = await this.#view?.catch(() => undefined);
    if (view !== undefined) await removeContainer(this.#engine, view);
    await removeAttempt(this.#engine, this.#spec);
  }

  async #runMain(attachment: Attachment | undefined): Promise<ExecutionResult> {
    const { timeoutMs, graceMs, afterScript } = { ...this.#spec, afterScript: this.#spec.job.afterScript };
    const ending = await this.#follow(attachment, { timeoutMs: this.#limit.leftMs, graceMs }, this.#signal);
    if (ending.detached) return CANCELED;
    if (ending.stoppedBy === null && ending.state?.ExitCode !== 0) await expectEngine(this.#engine);
    const own = containerResult(ending, {
      image: this.#spec.job.image?.name ?? "",
      timeoutMs,
      outOfMemory: await this.#ranOutOfMemory(ending.state),
      hasShell: ending.state?.ExitCode !== 127 || (await this.#hasShell()),
    });
    const result = await this.#withServices(own);
    const skipAfter = ending.stoppedBy === "timeout" || ending.stoppedBy === "kill" || ending.state === null;
    if (afterScript.length === 0 || skipAfter || result.failureReason === "image_without_shell")
      return result;
    return await this.#runAfter({ result, mainStartedAt: ending.state!.StartedAt }, false);
  }

  /** A script that failed because a service had died before: both are told. */
  async #withServices(result: ExecutionResult): Promise<ExecutionResult> {
    if (result.failureReason !== "script_failure" || this.#spec.job.services.length === 0) return result;
    const { deadServices } = await import("./services/dead-services.ts");
    const dead = await deadServices(this.#engine, this.#spec);
    for (const { lines } of dead)
      for (const line of lines) this.#spec.onProgress(line.replace(/\p{Cc}+/gu, " ").trimEnd());
    return dead.reduce((known, { message }) => withWarning(known, message), result);
  }

  /** Whatever happens to `after_script`, the result stays the main script's; at most a warning joins its message. */
  async #runAfter(marker: AfterMarker, isStarted: boolean): Promise<ExecutionResult> {
    const { result } = marker;
    if (this.#mustNotContinue()) return this.#detached ? CANCELED : result;
    try {
      const limits = afterLimits(result, this.#spec.graceMs);
      let attachment: Attachment | undefined;
      if (!isStarted) {
        await putMarker(this.#engine, this.#container.id, marker);
        attachment = await startAttached(this.#engine, this.#container.id);
      }
      // A cancel has had its effect: after_script is what runs after it.
      const signal = result.status === "canceled" ? new AbortController().signal : this.#signal;
      const ending = await this.#follow(attachment, limits, signal);
      if (ending.detached) return CANCELED;
      return withAfterWarning(result, {
        exitCode: ending.state?.ExitCode ?? null,
        stoppedBy: ending.stoppedBy,
        timeoutMs: limits.timeoutMs,
      });
    } catch (error) {
      return withWarning(result, `after_script could not run: ${messageOf(error)}`);
    }
  }

  #mustNotContinue(): boolean {
    if (this.#killing.signal.aborted) return true;
    if (!this.#signal.aborted) return false;
    const reason = stopReason(this.#signal);
    if (reason === "detach") this.#detached = true;
    return reason !== "cancel";
  }

  async #follow(
    attachment: Attachment | undefined,
    limits: { timeoutMs: number; graceMs: number },
    signal: AbortSignal,
  ): Promise<Ending<ContainerState | null>> {
    const waiting = new AbortController();
    const ended = Promise.withResolvers<void>();
    this.#isStopped = false;
    this.logs.push({ attachment, ended: ended.promise });
    try {
      const running = runningContainer(this.#engine, this.#container.id, waiting.signal);
      const signals = { stop: signal, kill: this.#killing.signal };
      const ending = await supervise(running, limits, signals);
      this.#detached = ending.detached;
      this.#isStopped = !ending.detached && ending.state?.Running === false;
      return ending;
    } finally {
      waiting.abort();
      ended.resolve();
    }
  }

  #tellEnd(): void {
    this.#container.onOver?.(this.#detached ? "left" : this.#isStopped ? "stopped" : "unknown");
    if (this.#detached) this.logs.close();
    else this.logs.complete();
  }

  async #ranOutOfMemory(state: ContainerState | null): Promise<boolean> {
    if (state === null) return false;
    if (!this.#container.memoryLimited) return state.OOMKilled;
    return await ranOutOfMemory(this.#engine, this.#container.id, state);
  }

  async #hasShell(): Promise<boolean> {
    return await imageHasShell(this.#engine, this.#container.id, this.#container.searchPath);
  }
}

/** Attached first, so that not a byte is missed. Undefined: there is only the log file to read. */
async function startAttached(engine: Engine, containerId: string): Promise<Attachment | undefined> {
  const attachment = await attach(engine, containerId).catch(() => undefined);
  try {
    await ask(engine.host, "start the container", engine.docker.getContainer(containerId).start());
    return attachment;
  } catch (error) {
    attachment?.close();
    throw error;
  }
}
