import {
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
import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";
import { isExpired } from "./expiry.ts";
import { findQueueWorkers, whyWaiting } from "./queue-workers.ts";
import { awaitedJobs, whyUnstarted } from "./unstarted-jobs.ts";

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
}

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
  return details.map((detail) => toRunJson(detail, app.now(), workers));
}

export async function describeRun(app: App, detail: RunDetail): Promise<RunJson> {
  return (await toRunJsons(app, [detail]))[0]!;
}

/** Without `workers` nothing is said of what queued jobs wait for. */
export function toRunJson(detail: RunDetail, now: EpochMs, workers?: WorkerRecord[]): RunJson {
  const { run, jobs } = detail;
  const artifacts = newestArtifacts(detail, now);
  const stages = run.plan.stages.map((name, stageIndex) => {
    const members = jobs.filter((job) => run.plan.jobs[job.index]!.stageIndex === stageIndex);
    return toStageJson(name, members, detail, artifacts, { now, workers });
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
    durationMs: run.startedAt === null ? null : run.busyMs + sinceOf(run.busySince, now),
  };
}

interface Moment {
  now: EpochMs;
  workers: WorkerRecord[] | undefined;
}

function toStageJson(
  name: string,
  jobs: JobRecord[],
  detail: RunDetail,
  artifacts: Map<string, ArtifactJson[]>,
  moment: Moment,
): StageJson {
  const { now } = moment;
  const starts = jobs.flatMap((job) => job.startedAt ?? []);
  const ends = jobs.flatMap((job) => job.finishedAt ?? []);
  const isOver = jobs.every((job) => TERMINAL_JOB_STATES.has(job.state));
  const startedAt = starts.length === 0 ? null : Math.min(...starts);
  const finishedAt = isOver && ends.length > 0 ? Math.max(...ends) : null;
  return {
    name,
    status: stageStatus(jobs),
    warnings: hasWarnings(jobs),
    ...toTimes(startedAt, finishedAt),
    durationMs: startedAt === null ? null : busyMs(jobs, now),
    jobs: jobs.map((job) => toJobJson(job, detail, artifacts.get(job.id) ?? [], moment)),
  };
}

function toJobJson(
  job: JobRecord,
  detail: RunDetail,
  artifacts: ArtifactJson[],
  { now, workers }: Moment,
): JobJson {
  const planned = detail.run.plan.jobs[job.index]!;
  const hasFailed = job.state === "failed" || job.state === "canceled";
  return {
    name: job.name,
    stage: planned.stage,
    status: toStatusWord(job.state),
    allowFailure: hasFailed ? job.allowed : planned.allowFailure !== false,
    failureReason: job.failureReason,
    exitCode: job.exitCode,
    attempt: job.attempt,
    image: planned.image?.name ?? null,
    needs: planned.needs ?? [],
    note: whyUnstarted(detail, job) ?? (workers && whyWaiting(detail, job, workers)) ?? null,
    ...toSpan(job.startedAt, job.finishedAt, now),
    artifacts,
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

function toSpan(startedAt: EpochMs | null, finishedAt: EpochMs | null, now: EpochMs): Span {
  return {
    ...toTimes(startedAt, finishedAt),
    durationMs: startedAt === null ? null : Math.max(0, (finishedAt ?? now) - startedAt),
  };
}

function toTimes(startedAt: EpochMs | null, finishedAt: EpochMs | null): Omit<Span, "durationMs"> {
  return {
    startedAt: toIsoOrNull(startedAt),
    finishedAt: toIsoOrNull(finishedAt),
  };
}

function toIsoOrNull(at: EpochMs | null): string | null {
  return at === null ? null : toIso(at);
}

/** The time in which at least one of the jobs was running. */
function busyMs(jobs: JobRecord[], now: EpochMs): number {
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
