import type { PlannedJob } from "../plan/plan.ts";
import { isPutOff } from "../run/job-moves.ts";
import {
  type AttemptResults,
  type EpochMs,
  type FailureReason,
  type JobRecord,
  type JobState,
  type RunRecord,
  type RunStatus,
  TERMINAL_JOB_STATES,
  type Trigger,
} from "../run/records.ts";
import type { WorkerRecord } from "../run/registry.ts";
import { hasWarnings, stageStatus } from "../run/status.ts";
import type { JobLine, ResourceHolder, RunDetail, RunLine } from "../run/store.ts";
import type { TestCounts } from "../run/test-results.ts";
import type { App } from "./app.ts";
import { isExpired } from "./expiry.ts";
import { type FailingTestJson, newestResults } from "./failing-tests.ts";
import { findQueueWorkers, whyWaiting } from "./queue-workers.ts";
import { awaitedJobs, whyUnstarted } from "./unstarted-jobs.ts";
import { findHolders, whyHeldUp } from "./why-held-up.ts";

/** What users, scripts and the API see of a run. Times are ISO 8601 UTC, durations milliseconds. */
export interface RunJson extends RunSummaryJson {
  /** The manual jobs that it waits for. */
  awaits: string[];
  stages: StageJson[];
}

export interface RunSummaryJson extends Span {
  id: string;
  number: number;
  pipeline: string;
  /** Absolute path, or URL without credentials; of a server's run `HOST/absolute/path` or `https://HOST/PATH`. */
  repo: string;
  branch: string | null;
  /** Where the run is of a tag; `branch` is null then. */
  tag: string | null;
  commit: string | null;
  /** Its first line. */
  commitMessage: string | null;
  /** The tree held changes that are in no commit. */
  dirty: boolean;
  /** How many files they are in; null where a commit was taken as it is. */
  dirtyFiles: { modified: number; untracked: number } | null;
  trigger: Trigger;
  executor: RunRecord["executor"];
  status: StatusWord;
  /** An allowed failure happened. */
  warnings: boolean;
  createdAt: string;
}

export interface StageJson extends Span {
  name: string;
  status: StatusWord;
  warnings: boolean;
  jobs: JobJson[];
}

export interface JobJson extends Span {
  name: string;
  stage: string;
  status: StatusWord;
  allowFailure: boolean;
  failureReason: FailureReason | null;
  exitCode: number | null;
  /** Number of the newest attempt; 0 before the first. */
  attempt: number;
  image: string | null;
  needs: string[];
  /** Why it has not run, in words: `"unit" was skipped: "compile" failed`. */
  note: string | null;
  /** Of the newest attempt, until they expire. */
  artifacts: ArtifactJson[];
  /** Of a delayed job that waits: when it starts. */
  delayedUntil: string | null;
  /** How many tests its JUnit reports tell of; null: none. */
  tests: TestCounts | null;
  /** What `coverage` found in its log. */
  coverage: number | null;
  /** Where tests failed; not in what is told of many runs. New ones come first. */
  failingTests?: FailingTestJson[];
  /** The run that it has started; not in what is told of many runs. */
  child?: ChildRunJson;
}

export type ChildRunJson = Pick<RunSummaryJson, "id" | "pipeline" | "number" | "status">;

/** What a list shows of each of many runs. */
export type RunLineJson = Pick<
  RunSummaryJson,
  "number" | "branch" | "commit" | "dirty" | "status" | "warnings" | "createdAt" | "durationMs"
>;

/** A stage in a list over many runs. */
export interface StageLineJson extends Omit<StageJson, "jobs"> {
  jobCount: number;
}

/** A job in a list over many runs; its `note` only says what it waits for in the queue. */
export type JobLineJson = Omit<
  JobJson,
  "artifacts" | "delayedUntil" | "tests" | "coverage" | "failingTests" | "child"
>;

export interface ArtifactJson {
  path: string;
  sizeBytes: number;
  sha256: string;
}

/**
 * `durationMs` of what still runs counts up to now; null before the start. Of a run it is the time in which it was at
 * work: without that between its end and a retry, or before a manual job was started. Of a stage, that in which a job of
 * it ran.
 */
interface Span {
  startedAt: string | null;
  finishedAt: string | null;
  durationMs: number | null;
}

export type StatusWord = RunStatus | "created";

/** What users see of runs, with what queued jobs wait for, as far as the registry of workers knows. */
export async function toRunJsons(app: App, details: RunDetail[]): Promise<RunJson[]> {
  const workers = await findQueueWorkers(app, details);
  const holders = await findHolders(app, details);
  return details.map((detail) => toRunJson(detail, app.now(), workers, holders));
}

/** Without `workers` nothing is said of what queued jobs wait for. */
export function toRunJson(
  detail: RunDetail,
  now: EpochMs,
  workers?: WorkerRecord[],
  holders: ResourceHolder[] = [],
): RunJson {
  const { run, jobs } = detail;
  const brought = { artifacts: newestArtifacts(detail, now), results: newestResults(detail) };
  const stages = run.plan.stages.map((name, stageIndex) => {
    const members = jobs.filter((job) => run.plan.jobs[job.index]!.stageIndex === stageIndex);
    return toStageJson(name, members, detail, brought, { now, workers, holders });
  });
  return { ...toRunSummaryJson(run, now), awaits: awaitedJobs(detail), stages };
}

export function toRunSummaryJson(run: RunRecord, now: EpochMs): RunSummaryJson {
  const { source } = run;
  return {
    id: run.id,
    number: run.number,
    pipeline: run.pipeline,
    repo: source.repo.key,
    branch: source.branch,
    tag: source.tag,
    commit: source.commit,
    commitMessage: source.commitMessage,
    dirty: source.dirty !== null && source.dirty.modified + source.dirty.untracked > 0,
    dirtyFiles: source.dirty,
    trigger: run.trigger,
    executor: run.executor,
    status: run.status,
    warnings: run.warnings,
    createdAt: toIso(run.createdAt),
    startedAt: toIsoOrNull(run.startedAt),
    finishedAt: toIsoOrNull(run.finishedAt),
    durationMs: runDurationMs(run, now),
  };
}

export function toRunLineJson(run: RunLine, now: EpochMs): RunLineJson {
  return {
    number: run.number,
    branch: run.branch,
    commit: run.commit,
    dirty: run.dirty,
    status: run.status,
    warnings: run.warnings,
    createdAt: toIso(run.createdAt),
    durationMs: runDurationMs(run, now),
  };
}

function runDurationMs(
  { startedAt, busyMs, busySince }: Pick<RunRecord, "startedAt" | "busyMs" | "busySince">,
  now: EpochMs,
): number | null {
  return startedAt === null ? null : busyMs + sinceOf(busySince, now);
}

/** By job id. */
interface Brought {
  artifacts: Map<string, ArtifactJson[]>;
  results: Map<string, AttemptResults>;
}

interface Moment {
  now: EpochMs;
  workers: WorkerRecord[] | undefined;
  holders: ResourceHolder[];
}

function toStageJson(
  name: string,
  jobs: JobRecord[],
  detail: RunDetail,
  brought: Brought,
  moment: Moment,
): StageJson {
  return {
    name,
    ...summarizeJobs(jobs, moment.now),
    jobs: jobs.map((job) => toJobJson(job, detail, brought, moment)),
  };
}

type JobTimes = Pick<JobRecord, "startedAt" | "finishedAt">;

/** What is said of a stage with these jobs. */
export function summarizeJobs(
  jobs: readonly (JobTimes & Pick<JobRecord, "state" | "allowed" | "cancelRequested">)[],
  now: EpochMs,
): Omit<StageJson, "name" | "jobs"> {
  let startedAt: EpochMs | null = null;
  let lastEnd: EpochMs | null = null;
  let isOver = true;
  for (const job of jobs) {
    const { startedAt: start, finishedAt: end } = job;
    if (start !== null && (startedAt === null || start < startedAt)) startedAt = start;
    if (end !== null && (lastEnd === null || end > lastEnd)) lastEnd = end;
    isOver &&= TERMINAL_JOB_STATES.has(job.state);
  }
  return {
    status: stageStatus(jobs),
    warnings: hasWarnings(jobs),
    startedAt: toIsoOrNull(startedAt),
    finishedAt: toIsoOrNull(isOver ? lastEnd : null),
    durationMs: startedAt === null ? null : busyMs(jobs, now),
  };
}

function toJobJson(job: JobRecord, detail: RunDetail, brought: Brought, moment: Moment): JobJson {
  const { now, workers } = moment;
  const why = whyUnstarted(detail, job) ?? whyHeldUp(detail, job, moment);
  const note = why ?? (workers && whyWaiting(detail.run, job, workers)) ?? null;
  const { tests = null, coverage = null } = brought.results.get(job.id) ?? {};
  return {
    ...toJobLineJson(job, detail.run.plan.jobs[job.index]!, note, now),
    artifacts: brought.artifacts.get(job.id) ?? [],
    delayedUntil: isPutOff(job, now) ? toIsoOrNull(job.notBefore) : null,
    tests,
    coverage,
  };
}

export function toJobLineJson(
  job: Omit<JobLine, "number" | "mode" | "executor" | "plan">,
  planned: PlannedJob,
  note: string | null,
  now: EpochMs,
): JobLineJson {
  const hasFailed = job.state === "failed" || job.state === "canceled";
  return {
    name: planned.name,
    stage: planned.stage,
    status: toStatusWord(job.state),
    allowFailure: hasFailed ? job.allowed : planned.allowFailure !== false,
    failureReason: job.failureReason,
    exitCode: job.exitCode,
    attempt: job.attempt,
    image: planned.image?.name ?? null,
    needs: planned.needs ?? [],
    note,
    startedAt: toIsoOrNull(job.startedAt),
    finishedAt: toIsoOrNull(job.finishedAt),
    durationMs: ranMs(job, now),
  };
}

export function toStatusWord(state: JobState): StatusWord {
  return state === "assigned" || state === "waiting_for_resource" ? "pending" : state;
}

/** By job id, without those that have expired. */
function newestArtifacts(detail: RunDetail, now: EpochMs): Map<string, ArtifactJson[]> {
  const newest = new Map(detail.jobs.map((job) => [job.id, job.attempt]));
  for (const attempt of detail.attempts) {
    if (newest.get(attempt.jobId) === attempt.number && isExpired(detail, attempt, now))
      newest.delete(attempt.jobId);
  }
  const byJob = new Map<string, ArtifactJson[]>();
  for (const { jobId, attempt, path, sizeBytes, sha256 } of detail.artifacts) {
    if (newest.get(jobId) !== attempt) continue;
    const list = byJob.get(jobId);
    if (list === undefined) byJob.set(jobId, [{ path, sizeBytes, sha256 }]);
    else list.push({ path, sizeBytes, sha256 });
  }
  return byJob;
}

function toIsoOrNull(at: EpochMs | null): string | null {
  return at === null ? null : toIso(at);
}

function ranMs({ startedAt, finishedAt }: JobTimes, now: EpochMs): number | null {
  return startedAt === null ? null : Math.max(0, (finishedAt ?? now) - startedAt);
}

/** The time in which at least one of the jobs was running. */
function busyMs(jobs: readonly JobTimes[], now: EpochMs): number {
  const [only] = jobs;
  if (only !== undefined && jobs.length === 1) return ranMs(only, now) ?? 0;
  const spans = jobs
    .flatMap(({ startedAt, finishedAt }) =>
      startedAt === null ? [] : [[startedAt, finishedAt ?? now] as const],
    )
    .sort(([one], [other]) => one - other);
  let total = 0;
  let end = 0;
  for (const [from, to] of spans) {
    total += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return total;
}

function sinceOf(busySince: EpochMs | null, now: EpochMs): number {
  return busySince === null ? 0 : Math.max(0, now - busySince);
}

export function toIso(at: EpochMs): string {
  return new Date(at).toISOString();
}
