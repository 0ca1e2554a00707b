import { createHash } from "node:crypto";
import { CicdError } from "../errors/cicd-error.ts";
import type { Image, Reports, Variables } from "../pipeline/pipeline.ts";
import { jobEnvironment } from "../plan/environment.ts";
import { expandReferences, expandVariables } from "../plan/expand.ts";
import type { PlannedJob } from "../plan/plan.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import { resolveCaches, restoreCaches } from "./attempt-caches.ts";
import { giveSecrets } from "./attempt-secrets.ts";
import type { AttemptSpec } from "./executor.ts";
import type { AttemptRecord, RunRecord } from "./records.ts";
import type { LayerPath, LayerStore } from "./workspace.ts";

/** What the executor is told: environment, layers, what is left of the time. Throws what keeps the attempt from starting. */
export async function attemptSpec(
  context: AttemptContext,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<AttemptSpec> {
  const { run, lease, planned, name, log } = attempt;
  const wanted = attempt.isAdopted ? [...planned.artifactsFrom, planned.name] : planned.artifactsFrom;
  const read = () => context.store.readNewestAttempts(run.id, wanted);
  const newest: ReadonlyMap<string, AttemptRecord> =
    wanted.length === 0 ? new Map() : await context.persist("read a run", read, attempt.storing.giveUp);
  const record = attempt.isAdopted ? newest.get(planned.name) : undefined;
  const elapsedMs = record?.number === lease.attempt ? elapsedOf(record, context.leaseMs) : 0;
  const secrets = await giveSecrets(context, attempt);
  const { variables: environment, files } = jobEnvironment(planned, run.plan, {
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
    dotenv: unexpanded(dotenvOf(planned, newest)),
    secrets,
    filePath: (file) => context.executor.filePath(name, file),
    sha256: (text) => createHash("sha256").update(text).digest("hex"),
  });
  if (!attempt.isAdopted) attempt.phases.enter("workspace");
  const caches = await resolveCaches(context, attempt, environment);
  // What has run already is never started again.
  const restored = log.hasEarlierOutput ? [] : await restoreCaches(context, attempt, caches, signal);
  return {
    name,
    labels: { instance: context.instance, run: run.id, job: lease.jobId, attempt: lease.attempt },
    job: { ...resolveReferences(planned, environment), caches },
    environment,
    files,
    layers: await layersFor(context.layers, planned, run, newest, restored),
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

/** The variables that dotenv reports of earlier jobs give to the attempt's job. */
export async function readDotenvOf(
  context: AttemptContext,
  { run, planned, storing }: Attempt,
): Promise<Record<string, string>> {
  if (planned.artifactsFrom.length === 0) return {};
  const read = () => context.store.readNewestAttempts(run.id, planned.artifactsFrom);
  const newest = await context.persist("read a run", read, storing.giveUp);
  return dotenvOf(planned, newest);
}

/** Of several that say the same name the later one in the order of the plan counts. */
function dotenvOf(
  { artifactsFrom }: PlannedJob,
  newest: ReadonlyMap<string, AttemptRecord>,
): Record<string, string> {
  return Object.assign({}, ...artifactsFrom.map((from) => newest.get(from)?.results?.dotenv ?? {}));
}

function unexpanded(values: Record<string, string>): Variables {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, expand: false }]));
}

/** From its start to the last renewal of its lease: both by the database's clock. */
function elapsedOf({ startedAt, leaseUntil }: AttemptRecord, leaseMs: number): number {
  return startedAt === null ? 0 : Math.max(0, leaseUntil - leaseMs - startedAt);
}

/** The plan leaves references to what only a run knows, such as `$CI_COMMIT_BRANCH`, in image names and artifact paths. */
function resolveReferences(planned: PlannedJob, environment: Record<string, string>): PlannedJob {
  const { image, services, artifacts } = planned;
  const resolve = (text: string) => expandReferences(text, (variable) => environment[variable]);
  return {
    ...planned,
    image: image && resolveImage(image, resolve),
    services: services.map((service) => ({
      ...resolveImage(service, resolve),
      aliases: service.aliases.map(resolve),
      variables: expandVariables(service.variables, environment),
    })),
    artifacts: artifacts && {
      ...artifacts,
      paths: artifacts.paths.map(resolve),
      exclude: artifacts.exclude.map(resolve),
      ...(artifacts.reports === undefined ? {} : { reports: resolveReports(artifacts.reports, resolve) }),
    },
  };
}

function resolveReports({ junit, dotenv, others }: Reports, resolve: (text: string) => string): Reports {
  return { junit: junit.map(resolve), dotenv: dotenv.map(resolve), others: others.map(resolve) };
}

function resolveImage<T extends Image>(image: T, resolve: (text: string) => string): T {
  const { name, user, platform } = image;
  return {
    ...image,
    name: resolve(name),
    ...(user === undefined ? {} : { user: resolve(user) }),
    ...(platform === undefined ? {} : { platform: resolve(platform) }),
  };
}

/** The snapshot, `caches`, then the artifacts of what the job gets them from: of the newest attempt of each. */
async function layersFor(
  layers: LayerStore,
  planned: PlannedJob,
  run: RunRecord,
  newest: ReadonlyMap<string, AttemptRecord>,
  caches: LayerPath[],
): Promise<LayerPath[]> {
  const snapshot = await orMissing(run, "the files of this run", layers.snapshotPath(run.source.tree));
  const paths = [snapshot, ...caches];
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

const MISSING: ReadonlySet<string> = new Set(["GIT_FAILED", "SNAPSHOT_GONE", "ARTIFACTS_GONE", "NOT_FOUND"]);
