import { messageOf } from "../../errors/cicd-error.ts";
import type { AttemptSpec, Execution, ExecutionResult, FileSelection } from "../../run/executor.ts";
import type { ArtifactSink } from "../../run/workspace.ts";
import { orAbort } from "../attempt/or-abort.ts";
import {
  afterLimits,
  CANCELED,
  failedResult,
  scriptResult,
  stoppedResult,
  withAfterWarning,
  withWarning,
} from "../attempt/result.ts";
import { type Ending, type Running, stopReason, supervise } from "../attempt/supervision.ts";
import type { TimeLimit } from "../attempt/time-limit.ts";
import { buildProgram } from "../script/program.ts";
import { selectFiles } from "../selection/selection.ts";
import {
  type AttemptDirectory,
  hasTree,
  readMainResult,
  readPid,
  removeAttemptDirectory,
  restoreTree,
  writeMainResult,
} from "./attempt-directory.ts";
import { adoptGroup, killGroups, type ShellState, startGroup } from "./process-group.ts";
import { tailLog } from "./tail-log.ts";

/** An attempt in its process group. `environment`: everything the script sees, the host's part included. */
export class ShellExecution implements Execution {
  readonly logs: AsyncIterable<Uint8Array>;
  readonly result: Promise<ExecutionResult>;
  readonly #directory: AttemptDirectory;
  readonly #spec: AttemptSpec;
  readonly #environment: Record<string, string>;
  readonly #limit: TimeLimit;
  readonly #signal: AbortSignal;
  readonly #killing = new AbortController();
  readonly #closing = new AbortController();
  #detached = false;
  #removal: Promise<void> | undefined;

  private constructor(
    directory: AttemptDirectory,
    spec: AttemptSpec,
    environment: Record<string, string>,
    limit: TimeLimit,
    signal: AbortSignal,
    begin: (execution: ShellExecution) => Promise<ExecutionResult>,
  ) {
    this.#directory = directory;
    this.#spec = spec;
    this.#environment = environment;
    this.#limit = limit;
    this.#signal = signal;
    const ended = Promise.withResolvers<void>();
    this.logs = tailLog(directory.log, spec.logOffset, ended.promise, this.#closing.signal);
    this.result = begin(this)
      .catch((error) => failedResult("runner_system_failure", null, messageOf(error)))
      .finally(() => {
        if (this.#detached) this.#closing.abort();
        ended.resolve();
      });
  }

  static async launch(
    directory: AttemptDirectory,
    spec: AttemptSpec,
    environment: Record<string, string>,
    limit: TimeLimit,
    signal: AbortSignal,
  ): Promise<ShellExecution> {
    const program = buildProgram([...spec.job.preGetSources, ...spec.job.beforeScript, ...spec.job.script]);
    const running = await startGroup(directory, "main", program, environment);
    return new ShellExecution(directory, spec, environment, limit, signal, (execution) =>
      execution.#runMain(running),
    );
  }

  /** Takes over what an earlier owner started. Undefined: it never started. */
  static async adopt(
    directory: AttemptDirectory,
    spec: AttemptSpec,
    environment: Record<string, string>,
    limit: TimeLimit,
    signal: AbortSignal,
  ): Promise<ShellExecution | undefined> {
    const pid = await readPid(directory, "main");
    if (pid === undefined) return undefined;
    const mainResult = await readMainResult(directory);
    const afterPid = await readPid(directory, "after");
    return new ShellExecution(directory, spec, environment, limit, signal, (execution) => {
      const watch = execution.#closing.signal;
      if (mainResult === undefined) return execution.#runMain(adoptGroup(directory, "main", pid, watch));
      if (afterPid === undefined) return execution.#runAfter(mainResult, undefined);
      return execution.#runAfter(mainResult, adoptGroup(directory, "after", afterPid, watch));
    });
  }

  async collect(
    wanted: FileSelection,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<{ unmatched: string[] }> {
    signal.throwIfAborted();
    const { tree } = this.#directory;
    const selection = selectFiles(wanted, tree);
    if (!(await hasTree(this.#directory))) return { unmatched: selection.unmatched() };
    const accept = (path: string) => {
      signal.throwIfAborted();
      return selection.accept(path);
    };
    // An aborted copy of one long file may go on until the sink is disposed of; nobody waits for it.
    await orAbort(sink.addDirectory(tree, { accept }), signal);
    return { unmatched: selection.unmatched() };
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
  }

  async #remove(): Promise<void> {
    await killGroups(this.#directory);
    await this.result;
    this.#closing.abort();
    await removeAttemptDirectory(this.#directory);
  }

  async #runMain(running: Running<ShellState>): Promise<ExecutionResult> {
    const { timeoutMs, graceMs, job } = this.#spec;
    const ending = await this.#supervise(running, { timeoutMs: this.#limit.leftMs, graceMs }, this.#signal);
    if (ending.detached) return CANCELED;
    const { exitCode } = ending.state;
    const result =
      ending.stoppedBy !== null
        ? stoppedResult(ending.stoppedBy, timeoutMs)
        : exitCode === null
          ? failedResult("runner_system_failure", null, "The job's shell was killed from outside.")
          : scriptResult(exitCode);
    const ownEnd = ending.stoppedBy === null && exitCode !== null;
    if (job.afterScript.length === 0 || !(ownEnd || ending.stoppedBy === "cancel")) return result;
    return await this.#runAfter(result, undefined);
  }

  /** `running` undefined: it has yet to be started. The result stays the main script's. */
  async #runAfter(
    result: ExecutionResult,
    running: Running<ShellState> | undefined,
  ): Promise<ExecutionResult> {
    if (this.#mustNotContinue()) return this.#detached ? CANCELED : result;
    try {
      await restoreTree(this.#directory);
      await writeMainResult(this.#directory, result);
      const environment = { ...this.#environment, CI_JOB_STATUS: result.status };
      const program = buildProgram(this.#spec.job.afterScript);
      const after = running ?? (await startGroup(this.#directory, "after", program, environment));
      const limits = afterLimits(result, this.#spec.graceMs);
      // A cancel has had its effect: after_script is what runs after it.
      const signal = result.status === "canceled" ? new AbortController().signal : this.#signal;
      const ending = await this.#supervise(after, limits, signal);
      if (ending.detached) return CANCELED;
      const { exitCode } = ending.state;
      return withAfterWarning(result, { exitCode, stoppedBy: ending.stoppedBy, timeoutMs: limits.timeoutMs });
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

  async #supervise(
    running: Running<ShellState>,
    limits: { timeoutMs: number; graceMs: number },
    stop: AbortSignal,
  ): Promise<Ending<ShellState>> {
    const ending = await supervise(running, limits, { stop, kill: this.#killing.signal });
    this.#detached = ending.detached;
    return ending;
  }
}
