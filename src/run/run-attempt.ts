import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { PlannedJob } from "../plan/plan.ts";
import { type Attempt, type AttemptContext, type AttemptSignals, attemptName, plannedOf } from "./attempt.ts";
import { saveCaches } from "./attempt-caches.ts";
import { attemptSpec } from "./attempt-inputs.ts";
import { AttemptLog, LogLostError } from "./attempt-log.ts";
import { collectResults, NO_ARTIFACTS, withCoverage } from "./attempt-results.ts";
import type { Command, CommandResult } from "./command.ts";
import type { Execution } from "./executor.ts";
import type { Outlook } from "./outlook.ts";
import { type AttemptPhase, PhaseRecorder, steadyClock } from "./phases.ts";
import type { EpochMs, Lease, Outcome, RunRecord } from "./records.ts";
import { runTrigger } from "./run-trigger.ts";
import type { Store } from "./store.ts";
import { isGivenUp, Storing } from "./storing.ts";

/** `lost`: the store took no outcome of ours. `left`: the next owner goes on with it. */
export type AttemptEnd =
  | { kind: "recorded"; status: Outcome["status"]; failureReason: Outcome["failureReason"] }
  | { kind: "lost" }
  | { kind: "left" };

/**
 * Takes one claimed attempt from `assigned` to its recorded outcome, or adopts it where an earlier owner of the same
 * lease left it. An outcome that was known before the lease was given up is still offered to the store. Returns, too, the
 * clean-up of what the attempt leaves in the executor: it may run later, but must run. Throws what the store throws; the
 * attempt's container is stopped then.
 */
export async function runAttempt(
  context: AttemptContext,
  run: RunRecord,
  lease: Lease,
  signals: AttemptSignals,
  { isAdopted, toCome }: { isAdopted: boolean; toCome: Outlook },
): Promise<{ end: AttemptEnd; cleanUp: () => Promise<void> }> {
  const { store, persist } = context;
  const planned = plannedOf(run, lease);
  const name = attemptName(run, lease, planned);
  using storing = new Storing(signals);
  const clock = steadyClock();
  const phases = new PhaseRecorder<AttemptPhase>(isAdopted ? "unrecorded" : "record", clock);
  const execute = (command: Command) =>
    persist("record an attempt", () => store.execute(run.id, command), storing.giveUp);
  const started = await execute({ type: "start", lease, containerName: name });
  const isRunning =
    started?.kind === "noop" || (isAdopted && (await isBeingCanceled(context, lease, storing)));
  if (started?.kind === "canceled")
    return { end: { kind: "recorded", status: "canceled", failureReason: "canceled" }, cleanUp: nothing };
  if (started?.kind !== "done" && !isRunning) return { end: { kind: "lost" }, cleanUp: nothing };
  const limits = { maxBytes: context.logLimitBytes, chunkBytes: 128 * 1024, flushMs: 100 };
  // Who has just started it finds no log of it.
  const openLog = isRunning ? AttemptLog.resume : AttemptLog.begin;
  const log = await openLog(store, lease, startLine(context, planned, name), limits, (act) =>
    persist("store a log", act, storing.giveUp),
  );
  const attempt: Attempt = {
    ...{ run, lease, planned, name, log, isAdopted: isRunning, toCome, storing, phases, restored: new Map() },
  };
  let execution: Execution | undefined;
  const cleanUp = async () => execution?.[Symbol.asyncDispose]();
  const givenUp = () => ({ end: storing.end, cleanUp: storing.end.kind === "left" ? nothing : cleanUp });
  try {
    const outcome = await carryOut(context, attempt, signals, (begun) => {
      execution = begun;
    });
    if (storing.isOver) return givenUp();
    const written = await log.close();
    const ended = await withCoverage(context, attempt, { ...outcome, ...written });
    const answer = await execute({ type: "finish", lease, outcome: ended, phases: phases.spans() });
    return { end: endOf(answer, outcome), cleanUp: () => cleanUpMeasured(store, lease, cleanUp, clock) };
  } catch (error) {
    if (storing.giveUp.aborted) return givenUp();
    await cleanUp();
    if (error instanceof LogLostError) return { end: { kind: "lost" }, cleanUp: nothing };
    throw error;
  }
}

/** That its duration could not be recorded fails nothing. */
async function cleanUpMeasured(
  store: Store,
  lease: Lease,
  cleanUp: () => Promise<void>,
  clock: () => EpochMs,
): Promise<void> {
  const { runId, jobId, attempt } = lease;
  const phases = new PhaseRecorder("cleanup", clock);
  try {
    await cleanUp();
  } finally {
    await store.addPhases({ runId, jobId, attempt, spans: phases.spans() }).catch(() => {});
  }
}

/** Starts, follows and collects. What the machine does wrong becomes an outcome here. */
async function carryOut(
  context: AttemptContext,
  attempt: Attempt,
  { stop: signal, kill }: AttemptSignals,
  onBegun: (execution: Execution) => void,
): Promise<Outcome> {
  const { log, storing, phases } = attempt;
  const onAbort = () => {
    if (!isGivenUp(signal)) void markCanceling(context, attempt.lease);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (attempt.planned.trigger !== null) {
      phases.enter("script");
      return await runTrigger(context, attempt, { stop: signal, kill });
    }
    const spec = await attemptSpec(context, attempt, signal);
    const execution = await context.executor.start(spec, signal);
    phases.enter("script");
    onBegun(execution);
    storing.follow(execution.result);
    const onExit = () => phases.enter("record");
    execution.result.then(onExit, onExit);
    if (kill.aborted) execution.kill();
    kill.addEventListener("abort", () => execution.kill(), { once: true });
    await pump(execution.logs, log, storing);
    const result = await execution.result;
    const mayCollect = result.status === "canceled" ? kill : AbortSignal.any([storing.stopped, kill]);
    await saveCaches(context, spec.job, attempt, execution, result, mayCollect);
    const wanted = spec.job.artifacts;
    const left = await collectResults(context, wanted, attempt, execution, result, mayCollect);
    phases.enter("record");
    const message = left.message && log.masked(left.message);
    return { ...left, message, ...EMPTY_LOG };
  } catch (error) {
    phases.enter("record");
    if (isGivenUp(signal)) storing.abandon();
    if (error instanceof LogLostError || isStoreFailure(error) || storing.isOver) throw error;
    return await machineFailure(log, { stop: signal, kill }, error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What a log that goes on with another owner holds back is not let go of. */
async function pump(logs: AsyncIterable<Uint8Array>, log: AttemptLog, storing: Storing): Promise<void> {
  for await (const bytes of logs) {
    await log.write(bytes);
    if (log.isFull) break;
  }
  if (!storing.isOver) await log.endOutput();
}

/** running → canceling, as soon as a stop is asked for; losing that race means nothing. */
async function markCanceling(context: AttemptContext, lease: Lease): Promise<void> {
  try {
    await context.store.execute(lease.runId, { type: "begin_cancel", lease });
  } catch {
    // The finish that follows meets the same store and reports what is wrong with it.
  }
}

/** An earlier owner had begun to cancel it: then it cannot be started, but brought to its end. */
async function isBeingCanceled(context: AttemptContext, lease: Lease, storing: Storing): Promise<boolean> {
  const read = () => context.store.readRun(lease.runId);
  const detail = await context.persist("read a run", read, storing.giveUp);
  const job = detail?.jobs.find(({ id }) => id === lease.jobId);
  return job?.state === "canceling" && job.attempt === lease.attempt;
}

function endOf(answer: CommandResult | undefined, { status, failureReason }: Outcome): AttemptEnd {
  if (answer?.kind !== "done" && answer?.kind !== "noop") return { kind: "lost" };
  return { kind: "recorded", status, failureReason };
}

const nothing = async () => {};

async function machineFailure(
  log: AttemptLog,
  { stop: signal, kill }: Pick<AttemptSignals, "stop" | "kill">,
  error: unknown,
): Promise<Outcome> {
  if (signal.aborted || kill.aborted) {
    return { ...NOTHING, status: "canceled", failureReason: "canceled", message: null };
  }
  if (error instanceof CicdError && error.code === "SECRET_KEY_INVALID") {
    const message = [error.message, error.hint ?? []].flat().join("; ");
    await log.note(`${message} [${error.code}]`);
    return {
      ...NOTHING,
      status: "failed",
      failureReason: "config_error",
      message: `${message} [${error.code}]`,
    };
  }
  const code = error instanceof CicdError ? ` [${error.code}]` : "";
  const message = log.masked(`${messageOf(error)}${code}`);
  await log.note(`the machine failed: ${message}`);
  return { ...NOTHING, status: "failed", failureReason: "runner_system_failure", message };
}

/** The database itself does not work: no outcome could be recorded. */
function isStoreFailure(error: unknown): boolean {
  return error instanceof CicdError && error.code.startsWith("STORE_");
}

function startLine(context: AttemptContext, planned: PlannedJob, name: string): string {
  if (planned.trigger !== null) return "starting a pipeline";
  const where =
    context.executor.kind === "docker"
      ? `container ${name} from ${planned.image?.name}`
      : `workspace ${name}`;
  return `running on ${context.executor.kind} in ${where}`;
}

const EMPTY_LOG = { logBytes: 0, logSha256: null };
const NOTHING = { exitCode: null, ...EMPTY_LOG, ...NO_ARTIFACTS };
