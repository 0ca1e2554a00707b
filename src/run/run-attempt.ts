import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { Artifacts } from "../pipeline/pipeline.ts";
import { jobEnvironment } from "../plan/environment.ts";
import { expandReferences } from "../plan/expand.ts";
import type { PlannedJob } from "../plan/plan.ts";
import { AttemptLog, LogLostError } from "./attempt-log.ts";
import type { AttemptSpec, Execution, ExecutionResult, Executor, StopReason } from "./executor.ts";
import type { ArtifactRecord, EpochMs, Lease, Outcome, RunRecord } from "./records.ts";
import type { RunDetail, Store } from "./store.ts";
import type { LayerPath, LayerStore } from "./workspace.ts";

/** What an attempt is run with; everything that stays the same from one to the next. */
export interface AttemptContext {
  store: Store;
  layers: LayerStore;
  executor: Executor;
  instance: string;
  graceMs: number;
  logLimitBytes: number;
  now: () => EpochMs;
}

/** `stop` carries a `StopReason`; `kill` ends the grace that a canceled job has been given. */
export interface AttemptSignals {
  stop: AbortSignal;
  kill: AbortSignal;
}

/**
 * Takes one claimed attempt from `assigned` to its recorded outcome, or adopts it where an earlier owner of the same
 * lease left it. Returns the clean-up of what the attempt leaves in the executor: it may run later, but must run. Throws
 * what the store throws; the attempt's container is stopped then.
 */
export async function runAttempt(
  context: AttemptContext,
  run: RunRecord,
  lease: Lease,
  { stop: signal, kill }: AttemptSignals,
): Promise<() => Promise<void>> {
  const planned = plannedOf(run, lease);
  const name = attemptName(run, lease, planned);
  const started = await context.store.execute(run.id, { type: "start", lease, containerName: name });
  if (started?.kind !== "done" && started?.kind !== "noop") return async () => {};
  const log = await AttemptLog.open(context.store, lease, startLine(context, planned, name), {
    maxBytes: context.logLimitBytes,
    chunkBytes: 128 * 1024,
    flushMs: 100,
  });
  const ended = await execute(
    context,
    { run, lease, planned, name, log, isAdopted: started.kind === "noop" },
    signal,
    kill,
  );
  if (isGivenUp(signal)) return ended.cleanUp;
  try {
    const written = await log.close();
    await context.store.execute(run.id, { type: "finish", lease, outcome: { ...ended.outcome, ...written } });
  } catch (error) {
    await ended.cleanUp();
    if (error instanceof LogLostError) return async () => {};
    throw error;
  }
  return ended.cleanUp;
}

interface Attempt {
  run: RunRecord;
  lease: Lease;
  planned: PlannedJob;
  name: string;
  log: AttemptLog;
  /** It was running already when this worker got it. */
  isAdopted: boolean;
}

interface Ended {
  outcome: Outcome;
  cleanUp: () => Promise<void>;
}

/** Starts, follows and collects. What the machine does wrong becomes an outcome here. */
async function execute(
  context: AttemptContext,
  attempt: Attempt,
  signal: AbortSignal,
  kill: AbortSignal,
): Promise<Ended> {
  let execution: Execution | undefined;
  const cleanUp = async () => {
    if (signal.aborted && signal.reason === ("detach" satisfies StopReason)) return;
    await execution?.[Symbol.asyncDispose]();
  };
  const onAbort = () => {
    if (!isGivenUp(signal)) void markCanceling(context, attempt.lease);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const spec = await attemptSpec(context, attempt);
    execution = await context.executor.start(spec, signal);
    const running = execution;
    if (kill.aborted) running.kill();
    kill.addEventListener("abort", () => running.kill(), { once: true });
    await pump(execution.logs, attempt.log);
    const result = await execution.result;
    const mayCollect = result.status === "canceled" ? kill : AbortSignal.any([signal, kill]);
    const collected = await collectArtifacts(
      context,
      spec.job.artifacts,
      attempt.log,
      execution,
      result,
      mayCollect,
    );
    return { outcome: { ...result, ...collected, ...EMPTY_LOG }, cleanUp };
  } catch (error) {
    try {
      if (error instanceof LogLostError || isStoreFailure(error)) throw error;
      return { outcome: await machineFailure(attempt.log, { stop: signal, kill }, error), cleanUp };
    } catch (fatal) {
      await cleanUp();
      throw fatal;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function pump(logs: AsyncIterable<Uint8Array>, log: AttemptLog): Promise<void> {
  for await (const bytes of logs) {
    await log.write(bytes);
    if (log.isFull) break;
  }
  await log.endOutput();
}

/** running → canceling, as soon as a stop is asked for; losing that race means nothing. */
async function markCanceling(context: AttemptContext, lease: Lease): Promise<void> {
  try {
    await context.store.execute(lease.runId, { type: "begin_cancel", lease });
  } catch {
    // The finish that follows meets the same store and reports what is wrong with it.
  }
}

async function attemptSpec(context: AttemptContext, attempt: Attempt): Promise<AttemptSpec> {
  const { run, lease, planned, name, log } = attempt;
  const isAlone = planned.artifactsFrom.length === 0 && !attempt.isAdopted;
  const detail = isAlone ? undefined : await context.store.readRun(run.id);
  const record = detail?.attempts.find(
    ({ jobId, number }) => jobId === lease.jobId && number === lease.attempt,
  );
  const elapsedMs = context.now() - (record?.startedAt ?? context.now());
  const environment = jobEnvironment(planned, run.plan, {
    runNumber: run.number,
    runId: run.id,
    jobId: lease.jobId,
    attempt: lease.attempt,
    repoName: run.source.repo.name,
    branch: run.source.branch,
    commit: run.source.commit,
    commitMessage: run.source.commitMessage,
    projectDir: context.executor.projectDir(name),
    trigger: run.trigger,
    executor: context.executor.kind,
  });
  return {
    name,
    labels: { instance: context.instance, run: run.id, job: lease.jobId, attempt: lease.attempt },
    job: resolveReferences(planned, environment),
    environment,
    layers: await layersFor(context.layers, planned, run, detail),
    timeoutMs: Math.max(1, planned.timeoutMs - Math.max(0, elapsedMs)),
    graceMs: context.graceMs,
    logLimitBytes: context.logLimitBytes,
    logOffset: 0,
    onProgress: (line) => void log.note(line).catch(() => {}),
  };
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
  detail: RunDetail | undefined,
): Promise<LayerPath[]> {
  const paths = [await layers.snapshotPath(run.source.tree)];
  for (const from of planned.artifactsFrom) {
    const job = detail?.jobs.find(({ name }) => name === from);
    const attempt = detail?.attempts.find(
      ({ jobId, number }) => jobId === job?.id && number === job?.attempt,
    );
    if (attempt?.artifactLayer != null) paths.push(await layers.layerPath(attempt.artifactLayer));
  }
  return paths;
}

async function collectArtifacts(
  context: AttemptContext,
  wanted: Artifacts | null,
  log: AttemptLog,
  execution: Execution,
  result: ExecutionResult,
  signal: AbortSignal,
): Promise<{ artifactLayer: string | null; artifacts: ArtifactRecord[] }> {
  if (wanted === null || !isCollected(wanted, result)) return NO_ARTIFACTS;
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
  { stop: signal, kill }: AttemptSignals,
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

/** Aborted in a way that leaves the outcome to somebody else. */
function isGivenUp(signal: AbortSignal): boolean {
  const reason = signal.reason as StopReason | undefined;
  return signal.aborted && (reason === "lease_lost" || reason === "detach");
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

function plannedOf(run: RunRecord, lease: Lease): PlannedJob {
  const index = Number(lease.jobId.slice(run.id.length + 1));
  return run.plan.jobs[index]!;
}

function startLine(context: AttemptContext, planned: PlannedJob, name: string): string {
  const where =
    context.executor.kind === "docker"
      ? `container ${name} from ${planned.image?.name}`
      : `workspace ${name}`;
  return `running on ${context.executor.kind} in ${where}`;
}

const EMPTY_LOG = { logBytes: 0, logSha256: null };
const NO_ARTIFACTS = { artifactLayer: null, artifacts: [] };
const NOTHING = { exitCode: null, ...EMPTY_LOG, ...NO_ARTIFACTS };
