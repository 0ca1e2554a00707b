import { formatDuration } from "../pipeline/duration.ts";
import { describePlanned, fewOf, points } from "../plan/describe-job.ts";
import { isInstanceOf } from "../plan/matrix.ts";
import type { LeftOut, PlannedJob } from "../plan/plan.ts";
import { isPutOff } from "../run/job-moves.ts";
import {
  type AttemptRecord,
  type EpochMs,
  type JobRecord,
  type RunRecord,
  TERMINAL_JOB_STATES,
  TERMINAL_RUN_STATUSES,
} from "../run/records.ts";
import type { WorkerRecord } from "../run/registry.ts";
import { isRetryWanted } from "../run/retry-policy.ts";
import { normalState } from "../run/status.ts";
import type { ResourceHolder, RunDetail } from "../run/store.ts";
import { describeChild } from "./child-runs.ts";
import { whyFailed } from "./explain-failure.ts";
import { explainLeftOut, noSuchJob } from "./explain-plan.ts";
import type { ExplainedJobJson, ExplanationJson } from "./explanation.ts";
import { whyWaiting } from "./queue-workers.ts";
import { toIso, toStatusWord } from "./shapes.ts";
import { awaitedJobs, jobsBefore, whyUnstarted } from "./unstarted-jobs.ts";
import { whyHeldUp } from "./why-held-up.ts";

/** `workers`: those that take jobs of the queue; undefined: not asked for. */
interface Moment {
  now: EpochMs;
  workers: WorkerRecord[] | undefined;
  /** Who has the resource groups that its jobs wait for. */
  holders: ResourceHolder[];
  /** By the job's place in the plan: what it has started. */
  children: ReadonlyMap<number, RunRecord>;
}

/**
 * Why a job of a recorded run is as it is, or is not in it. `name`: of the file, or one of what `parallel` makes of it. Throws NOT_FOUND.
 */
export function explainRun(detail: RunDetail, name: string, moment: Moment): ExplanationJson {
  const { run, jobs } = detail;
  const { plan } = run;
  const isIn = jobs.filter((job) => job.name === name || plan.jobs[job.index]!.origin === name);
  const isOut = plan.leftOut.filter(({ job }) => job === name || isInstanceOf(job, name));
  if (isIn.length + isOut.length === 0) {
    const names = new Set([...plan.jobs.map(({ origin }) => origin), ...plan.leftOut.map(({ job }) => job)]);
    throw noSuchJob(`${titleOf(detail)} has no job ${JSON.stringify(name)}`, name, [...names]);
  }
  return {
    pipeline: run.pipeline,
    run: { id: run.id, number: run.number, status: run.status },
    jobs: [
      ...isIn.map((job) => explainJob(detail, job, moment)),
      ...isOut.map((entry: LeftOut) => explainLeftOut(plan, entry, "is not in the run")),
    ],
  };
}

function explainJob(detail: RunDetail, job: JobRecord, moment: Moment): ExplainedJobJson {
  const { plan } = detail.run;
  const planned = plan.jobs[job.index]!;
  return {
    job: job.name,
    state: toStatusWord(job.state),
    verdict: `${JSON.stringify(job.name)} ${verdictOf(detail, job, planned, moment)}`,
    rules: planned.why,
    points: [
      ...describePlanned(plan, planned, orderOf(detail, planned)),
      ...points("started", startedBy(job, moment)),
      ...points("attempt", attemptsOf(detail, job)),
      ...points("retry", retriesOf(detail, job, planned)),
      ...points("run", aboutRun(detail)),
      ...points("next", nextCommand(detail, job, moment)),
    ],
  };
}

function verdictOf(detail: RunDetail, job: JobRecord, planned: PlannedJob, moment: Moment): string {
  const allowed = job.allowed ? ", which is allowed" : "";
  const attempt = attemptsFor(detail, job).at(-1);
  switch (job.state) {
    case "created":
      return `has not started: ${whyCreated(detail, planned)}`;
    case "manual":
      return `waits until somebody starts it${job.allowed ? "; the run does not wait for it" : ""}`;
    case "waiting_for_resource":
    case "pending":
      return whyPending(detail, job, planned, moment);
    case "assigned":
      return "was given to a worker and is about to start";
    case "running":
      return `has been running for ${formatDuration(moment.now - (job.startedAt ?? moment.now))}`;
    case "canceling":
      return "is being canceled: its script was told to end";
    case "success":
      return job.attempt > 1 ? `succeeded at attempt ${job.attempt}` : "succeeded";
    case "failed":
      return `failed${allowed}: ${whyFailed(job, planned, attempt)}`;
    case "canceled":
      return `was canceled${allowed}${job.attempt === 0 ? " before it had started" : ""}`;
    case "skipped":
      return withoutName(whyUnstarted(detail, job), job) ?? "was skipped";
  }
}

/** A sentence of another view, which begins with the job's name. */
function withoutName(sentence: string | undefined, { name }: JobRecord): string | undefined {
  const start = `${JSON.stringify(name)} `;
  return sentence?.startsWith(start) ? sentence.slice(start.length) : sentence;
}

function whyCreated(detail: RunDetail, planned: PlannedJob): string {
  const { stopRequestedAt, cancelRequestedAt } = detail.run;
  if (stopRequestedAt !== null) return "the run was told to start nothing more";
  if (cancelRequestedAt !== null) return "the run is being canceled";
  const awaited = awaitedJobs(detail);
  if (awaited.length > 0) return `the run waits for somebody to start ${fewOf(quoted(awaited))}`;
  const isOpen = (job: JobRecord) => !TERMINAL_JOB_STATES.has(job.state) && normalState(job) !== "ignored";
  const open = jobsBefore(detail, planned).filter(isOpen);
  return `it waits for ${fewOf(quoted(open.map(({ name }) => name)))}`;
}

function whyPending(
  detail: RunDetail,
  job: JobRecord,
  planned: PlannedJob,
  { now, workers, holders }: Moment,
): string {
  const { run } = detail;
  const heldUp = withoutName(whyHeldUp(detail, job, { now, holders }), job);
  if (heldUp !== undefined) return heldUp;
  const noWorker = workers && withoutName(whyWaiting(run, job, workers), job);
  if (noWorker !== undefined) return noWorker;
  const turn =
    run.mode === "queue" ? "as soon as a worker has a slot free" : "as soon as one of its slots is free";
  const group =
    planned.resourceGroup === null ? "" : ` and no other run has the resource group ${planned.resourceGroup}`;
  return `is queued: it starts ${turn}${group}`;
}

/** How it goes on with it by hand, where it can. */
function nextCommand({ run }: RunDetail, job: JobRecord, { now }: Moment): string[] {
  const of = `-p ${shellWord(run.pipeline)} --run ${run.number}`;
  if (job.state === "manual" || isPutOff(job, now)) return [`cicd play ${of} ${shellWord(job.name)}`];
  const isOver = TERMINAL_RUN_STATUSES.has(run.status);
  const mayAgain = job.state === "failed" || job.state === "canceled";
  return isOver && mayAgain ? [`cicd retry ${of} --job ${shellWord(job.name)}`] : [];
}

/** As it is written in a shell. */
function shellWord(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** What no later stage waits for or is skipped by. */
const PASSED: ReadonlySet<string> = new Set(["success", "warning", "ignored", "skipped"]);

function startedBy({ index }: JobRecord, { children }: Moment): string[] {
  const child = children.get(index);
  return child === undefined ? [] : [describeChild(child)];
}

/** What it comes after, and how that stands. */
function orderOf(detail: RunDetail, planned: PlannedJob): { order?: string[] } {
  const before = jobsBefore(detail, planned);
  if (before.length === 0) return {};
  const how = ({ name, state, failureReason }: JobRecord) =>
    `${name} (${toStatusWord(state)}${failureReason === null ? "" : `: ${failureReason}`})`;
  if (planned.needs !== null) return { order: [`needs ${fewOf(before.map(how))}`] };
  const rest = before.filter((other) => !PASSED.has(normalState(other)));
  const stages = fewOf(detail.run.plan.stages.slice(0, planned.stageIndex));
  const isDone = before.every(({ state }) => state === "success");
  const passed = isDone ? "all have succeeded" : "none of them holds it up";
  const others = rest.length === 0 ? passed : `not succeeded: ${fewOf(rest.map(how))}`;
  return { order: [`after all jobs of the earlier stages: ${stages}; ${others}`] };
}

function attemptsFor({ attempts }: RunDetail, { id }: JobRecord): AttemptRecord[] {
  return attempts.filter(({ jobId }) => jobId === id);
}

function attemptsOf(detail: RunDetail, job: JobRecord): string[] {
  return attemptsFor(detail, job).map(({ number, outcome, startedAt, finishedAt, worker, ...attempt }) => {
    const took =
      startedAt === null || finishedAt === null ? "" : ` after ${formatDuration(finishedAt - startedAt)}`;
    const where = detail.run.mode === "queue" ? ` on ${worker}` : "";
    const code = attempt.exitCode === null ? "" : `, exit code ${attempt.exitCode}`;
    const why = attempt.failureReason === null ? "" : ` (${attempt.failureReason}${code})`;
    const said = attempt.message === null ? "" : `: ${attempt.message.trimEnd().replaceAll("\n", "; ")}`;
    return `${number}: ${outcome ?? "under way"}${took}${where}${why}${said}`;
  });
}

function retriesOf(detail: RunDetail, job: JobRecord, { retry }: PlannedJob): string[] {
  if (retry.max === 0 || job.attempt === 0) return [];
  const used = `${job.retriesUsed} of ${retry.max} used`;
  const last = attemptsFor(detail, job).at(-1);
  if (job.state !== "failed" || job.retriesUsed >= retry.max || last === undefined) return [used];
  const { exitCode, failureReason } = job;
  const outcome = { status: "failed", exitCode, failureReason } as const;
  return isRetryWanted(retry, job.retriesUsed, outcome)
    ? [used]
    : [`${used}; not for ${failureReason ?? "this failure"}`];
}

function aboutRun({ run }: RunDetail): string[] {
  if (run.cancelRequestedAt !== null) return [`it was canceled at ${toIso(run.cancelRequestedAt)}`];
  if (run.stopRequestedAt !== null) return [`it was stopped at ${toIso(run.stopRequestedAt)}`];
  return run.after !== null && run.startedAt === null
    ? ["it comes after another run of the same request"]
    : [];
}

function titleOf({ run }: RunDetail): string {
  return `run #${run.number} of ${run.pipeline}`;
}

function quoted(names: readonly string[]): string[] {
  return names.map((name) => JSON.stringify(name));
}
