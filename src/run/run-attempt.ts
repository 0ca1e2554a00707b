import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { Artifacts } from "../pipeline/pipeline.ts";
import { jobEnvironment } from "../plan/environment.ts";
import { expandReferences } from "../plan/expand.ts";
import type { PlannedJob } from "../plan/plan.ts";
import { AttemptLog, LogLostError } from "./attempt-log.ts";
import type { Command, CommandResult } from "./command.ts";
import type { AttemptSpec, Execution, ExecutionResult, Executor } from "./executor.ts";
import type { Outlook } from "./outlook.ts";
import type { Persist } from "./persist.ts";
import { type AttemptPhase, PhaseRecorder, steadyClock } from "./phases.ts";
import type { ArtifactRecord, AttemptRecord, EpochMs, Lease, Outcome, RunRecord } from "./records.ts";
import type { Store } from "./store.ts";
import { isGivenUp, Storing } from "./storing.ts";
import type { LayerPath, LayerStore } from "./workspace.ts";

/** What an attempt is run with; everything that stays the same from one to the next. */
export interface AttemptContext {
  store: Store;
  layers: LayerStore;
  executor: Executor;
  instance: string;
  graceMs: number;
  leaseMs: number;
  logLimitBytes: number;
  persist: Persist;
}

/**
 * `stop` carries a `StopReason`; `kill` ends the grace that a canceled job has been given; `leave` goes with `detach`: what is
 * not stored now is left to the next owner.
 */
export interface AttemptSignals {
  stop: AbortSignal;
  kill: AbortSignal;
  leave: AbortSignal;
}

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
  const attempt: Attempt = { run, lease, planned, name, log, isAdopted: isRunning, toCome, storing, phases };
  let execution: Execution | undefined;
  const cleanUp = async () => execution?.[Symbol.asyncDispose]();
  const givenUp = () => ({ end: storing.end, cleanUp: storing.end.kind === "left" ? nothing : cleanUp });
  try {
    const outcome = await carryOut(context, attempt, signals, (begun) => {
      execution = begun;
    });
    if (storing.isOver) return givenUp();
    const written = await log.close();
    const ended = { ...outcome, ...written };
    const answer = await execute({ type: "finish", lease, outcome: ended, phases: phases.spans() });
    return { end: endOf(answer, outcome), cleanUp: () => cleanUpMeasured(store, lease, cleanUp, clock) };
  } catch (error) {
    if (storing.giveUp.aborted) return givenUp();
    await cleanUp();
    if (error instanceof LogLostError) return { end: { kind: "lost" }, cleanUp: nothing };
    throw error;
  }
}

interface Attempt {
  run: RunRecord;
  lease: Lease;
  planned: PlannedJob;
  name: string;
  log: AttemptLog;
  /** It was running already when this worker got it. */
  isAdopted: boolean;
  toCome: Outlook;
  storing: Storing;
  phases: PhaseRecorder;
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
    const spec = await attemptSpec(context, attempt);
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
    const wanted = spec.job.artifacts;
    const collected = await collectArtifacts(context, wanted, attempt, execution, result, mayCollect);
    phases.enter("record");
    return { ...result, ...collected, ...EMPTY_LOG };
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

async function attemptSpec(context: AttemptContext, attempt: Attempt): Promise<AttemptSpec> {
  const { run, lease, planned, name, log } = attempt;
  const wanted = attempt.isAdopted ? [...planned.artifactsFrom, planned.name] : planned.artifactsFrom;
  const read = () => context.store.readNewestAttempts(run.id, wanted);
  const newest: ReadonlyMap<string, AttemptRecord> =
    wanted.length === 0 ? new Map() : await context.persist("read a run", read, attempt.storing.giveUp);
  const record = attempt.isAdopted ? newest.get(planned.name) : undefined;
  const elapsedMs = record?.number === lease.attempt ? elapsedOf(record, context.leaseMs) : 0;
  const environment = jobEnvironment(planned, run.plan, {
    runNumber: run.number,
    runId: run.id,
    jobId: lease.jobId,
    attempt: lease.attempt,
    repoName: run.source.repo.name,
    branch: run.source.branch,
    tag: run.source.tag,
    commit: run.source.commit,
    commitMessage: run.source.commitMessage,
    projectDir: context.executor.projectDir(name),
    trigger: run.trigger,
    executor: context.executor.kind,
  });
  if (!attempt.isAdopted) attempt.phases.enter("workspace");
  return {
    name,
    labels: { instance: context.instance, run: run.id, job: lease.jobId, attempt: lease.attempt },
    job: resolveReferences(planned, environment),
    environment,
    layers: await layersFor(context.layers, planned, run, newest),
    timeoutMs: Math.max(1, planned.timeoutMs - elapsedMs),
    graceMs: context.graceMs,
    logLimitBytes: context.logLimitBytes,
    logOffset: 0,
    isUnderWay: log.hasEarlierOutput,
    toCome: attempt.toCome,
    onProgress: (line) => void log.note(line).catch(() => {}),
    onPhase: (phase) => attempt.phases.enter(phase),
  };
}

/** From its start to the last renewal of its lease: both by the database's clock. */
function elapsedOf({ startedAt, leaseUntil }: AttemptRecord, leaseMs: number): number {
  return startedAt === null ? 0 : Math.max(0, leaseUntil - leaseMs - startedAt);
}

/** The plan leaves references to what only a run knows, such as `$CI_COMMIT_BRANCH`, in image names and artifact paths. */
function resolveReferences(planned: PlannedJob, environment: Record<string, string>): PlannedJob {
  const { image, artifacts } = planned;
  const resolve = (text: string) => expandReferences(text, (variable) => environment[variable]);
  return {
    ...planned,
    image: image && { ...image, name: resolve(image.name) },
    artifacts: artifacts && {
      ...artifacts,
      paths: artifacts.paths.map(resolve),
      exclude: artifacts.exclude.map(resolve),
    },
  };
}

/** The snapshot, then the artifacts of what the job gets them from: of the newest attempt of each. */
async function layersFor(
  layers: LayerStore,
  planned: PlannedJob,
  run: RunRecord,
  newest: ReadonlyMap<string, AttemptRecord>,
): Promise<LayerPath[]> {
  const paths = [await orMissing(run, "the files of this run", layers.snapshotPath(run.source.tree))];
  for (const from of planned.artifactsFrom) {
    const attempt = newest.get(from);
    if (attempt?.artifactLayer != null) {
      const path = layers.layerPath(attempt.artifactLayer);
      paths.push(await orMissing(run, `the artifacts of ${JSON.stringify(from)}`, path));
    }
  }
  return paths;
}

/** Another host may have taken it: then all of them need the same shared store. */
async function orMissing(run: RunRecord, what: string, path: Promise<LayerPath>): Promise<LayerPath> {
  try {
    return await path;
  } catch (error) {
    const isAway = error instanceof CicdError && MISSING.has(error.code);
    if (run.mode !== "queue" || !isAway) throw error;
    const hint = "servers and workers on several hosts need the same --shared";
    throw new CicdError(error.code, `${what} are not on this host; ${hint} (${error.message})`, {
      cause: error,
    });
  }
}

async function collectArtifacts(
  context: AttemptContext,
  wanted: Artifacts | null,
  { log, phases }: Attempt,
  execution: Execution,
  result: ExecutionResult,
  signal: AbortSignal,
): Promise<{ artifactLayer: string | null; artifacts: ArtifactRecord[] }> {
  if (wanted === null || !isCollected(wanted, result)) return NO_ARTIFACTS;
  phases.enter("artifacts");
  await using sink = await context.layers.openSink();
  const { unmatched } = await execution.collect(
    { paths: wanted.paths, exclude: wanted.exclude },
    sink,
    signal,
  );
  const { layer, artifacts, leftOut } = await sink.commit();
  const unnamed = leftOut.count - leftOut.entries.length;
  const warnings = [
    ...unmatched.map((pattern) => `nothing matches ${JSON.stringify(pattern)}`),
    ...leftOut.entries.map(({ path, why }) => `${JSON.stringify(path)} is left out: ${why}`),
    ...(unnamed > 0 ? [`${unnamed} more are left out`] : []),
  ];
  for (const warning of warnings) await log.note(`warning: artifacts: ${warning}`);
  return { artifactLayer: layer, artifacts };
}

function isCollected(artifacts: Artifacts, result: ExecutionResult): boolean {
  if (result.failureReason === "image_pull_failure" || result.failureReason === "image_without_shell")
    return false;
  if (artifacts.when === "always") return true;
  return artifacts.when === "on_success" ? result.status === "success" : result.status === "failed";
}

async function machineFailure(
  log: AttemptLog,
  { stop: signal, kill }: Pick<AttemptSignals, "stop" | "kill">,
  error: unknown,
): Promise<Outcome> {
  if (signal.aborted || kill.aborted) {
    return { ...NOTHING, status: "canceled", failureReason: "canceled", message: null };
  }
  const code = error instanceof CicdError ? ` [${error.code}]` : "";
  const message = `${messageOf(error)}${code}`;
  await log.note(`the machine failed: ${message}`);
  return { ...NOTHING, status: "failed", failureReason: "runner_system_failure", message };
}

/** The database itself does not work: no outcome could be recorded. */
function isStoreFailure(error: unknown): boolean {
  return error instanceof CicdError && error.code.startsWith("STORE_");
}

/** Readable, and unique by run, job and attempt: the name of container and workspace. */
export function attemptName(run: RunRecord, lease: Lease, planned: PlannedJob): string {
  const slug = planned.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 32);
  const index = run.plan.jobs.indexOf(planned);
  return ["cicd", run.id, index, lease.attempt, slug].filter((part) => part !== "").join("-");
}

export function plannedOf(run: RunRecord, { jobId }: Pick<Lease, "jobId">): PlannedJob {
  const index = Number(jobId.slice(run.id.length + 1));
  return run.plan.jobs[index]!;
}

function startLine(context: AttemptContext, planned: PlannedJob, name: string): string {
  const where =
    context.executor.kind === "docker"
      ? `container ${name} from ${planned.image?.name}`
      : `workspace ${name}`;
  return `running on ${context.executor.kind} in ${where}`;
}

const MISSING: ReadonlySet<string> = new Set(["GIT_FAILED", "SNAPSHOT_GONE", "ARTIFACTS_GONE", "NOT_FOUND"]);
const EMPTY_LOG = { logBytes: 0, logSha256: null };
const NO_ARTIFACTS = { artifactLayer: null, artifacts: [] };
const NOTHING = { exitCode: null, ...EMPTY_LOG, ...NO_ARTIFACTS };
