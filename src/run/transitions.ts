import { assertNever } from "../errors/assert-never.ts";
import type { PlannedJob } from "../plan/plan.ts";
import type { Command, CommandResult } from "./command.ts";
import { Draft } from "./draft.ts";
import { enqueue, isPutOff, move, plannedOf } from "./job-moves.ts";
import {
  ACTIVE_JOB_STATES,
  type AttemptRecord,
  type EpochMs,
  type FailureReason,
  type JobRecord,
  type Lease,
  type NewRunEvent,
  type Outcome,
  type Owner,
  TERMINAL_JOB_STATES,
  TERMINAL_RUN_STATUSES,
} from "./records.ts";
import { isRetryWanted, ownExitCode } from "./retry-policy.ts";
import type { RunChanges, RunState } from "./run-state.ts";
import { isSameProcess } from "./same-process.ts";
import { settle, startsNothing } from "./settle.ts";

const DONE: CommandResult = { kind: "done", affectedJobs: [] };
const NOOP: CommandResult = { kind: "noop" };
const LOST: CommandResult = { kind: "lost" };

/**
 * Applies one command to the rows of a run: pure (`state` is as it was afterwards), the database's `now` is an argument. The
 * adapters call it under the run's lock and write what it returns in the same transaction.
 */
export function applyCommand(
  state: RunState,
  command: Command,
  now: EpochMs,
): { result: CommandResult; changes: RunChanges } {
  using draft = new Draft(state, now);
  const result = applyTo(draft, command);
  settle(draft);
  return { result, changes: draft.changes() };
}

/** The first settling of a new run: which jobs may start at once. */
export function settleNewRun(state: RunState, now: EpochMs): RunChanges {
  using draft = new Draft(state, now);
  draft.emit("run.created", null);
  settle(draft);
  return draft.changes();
}

/** The event of a claim (pending → assigned), which the adapters write themselves. */
export function assignedEvent(lease: Lease, jobName: string, worker: string, now: EpochMs): NewRunEvent {
  const { runId, attempt } = lease;
  return { runId, at: now, type: "job.assigned", job: jobName, attempt, data: { worker } };
}

function applyTo(draft: Draft, command: Command): CommandResult {
  switch (command.type) {
    case "start":
      return start(draft, command.lease, command.containerName);
    case "begin_cancel":
      return beginCancel(draft, command.lease);
    case "finish":
      return finish(draft, command.lease, command.outcome);
    case "reap":
      return reap(draft, command.lease);
    case "request_cancel":
      return requestCancel(draft, command);
    case "request_stop":
      return requestStop(draft, command.actor);
    case "retry":
      return retry(draft, command.jobs, command.actor, command.owner);
    case "play":
      return play(draft, command.jobs, command.actor, command.owner);
    default:
      return assertNever(command);
  }
}

function start(draft: Draft, lease: Lease, containerName: string): CommandResult {
  const held = holder(draft, lease);
  if (held === undefined) return LOST;
  const { job, attempt } = held;
  if (job.state === "running") return NOOP;
  if (job.state !== "assigned") return LOST;
  if (job.cancelRequested || startsNothing(draft)) {
    endAttempt(draft, job, attempt, canceledOutcome("canceled before it started"));
    return { kind: "canceled" };
  }
  if (attempt.leaseUntil < draft.now) return LOST;
  draft.setAttempt(attempt, { containerName, startedAt: draft.now });
  const running = move(draft, job, "running", { startedAt: draft.now, finishedAt: null });
  draft.emit("job.started", running, { containerName });
  return DONE;
}

function beginCancel(draft: Draft, lease: Lease): CommandResult {
  const held = holder(draft, lease);
  if (held === undefined) return LOST;
  if (held.job.state === "canceling") return NOOP;
  if (held.job.state !== "running") return LOST;
  draft.emit("job.canceling", move(draft, held.job, "canceling", {}));
  return DONE;
}

function finish(draft: Draft, lease: Lease, outcome: Outcome): CommandResult {
  const job = draft.job(lease.jobId);
  const attempt = job && draft.attempt(job.id);
  if (job === undefined || attempt === undefined) return LOST;
  if (attempt.number !== lease.attempt || attempt.leaseToken !== lease.token) return LOST;
  if (attempt.outcome !== null) {
    const same = attempt.outcome === outcome.status && attempt.exitCode === outcome.exitCode;
    return same ? NOOP : { kind: "conflict" };
  }
  if (job.state !== "running" && job.state !== "canceling") return LOST;
  endAttempt(draft, job, attempt, outcome);
  return DONE;
}

function reap(draft: Draft, lease: Lease): CommandResult {
  const held = holder(draft, lease);
  if (held === undefined || held.attempt.leaseUntil >= draft.now) return NOOP;
  const { job, attempt } = held;
  if (
    job.state === "canceling" ||
    job.cancelRequested ||
    (job.state === "assigned" && startsNothing(draft))
  ) {
    endAttempt(draft, job, attempt, canceledOutcome("its worker was lost while it was being canceled"));
    return DONE;
  }
  const lost = failedOutcome("worker_lost", "the worker that ran it was lost");
  if (job.state === "assigned") {
    closeAttempt(draft, job, attempt, lost);
    enqueue(draft, job, { cause: "worker_lost" });
  } else {
    endAttempt(draft, job, attempt, lost);
  }
  return DONE;
}

function requestCancel(
  draft: Draft,
  { actor, owner, ifInterruptible }: Extract<Command, { type: "request_cancel" }>,
): CommandResult {
  if (owner !== undefined && !isSameProcess(draft.run.owner, owner)) return NOOP;
  if (ifInterruptible === true && !isInterruptible(draft)) return NOOP;
  if (TERMINAL_RUN_STATUSES.has(draft.run.status) || draft.run.cancelRequestedAt !== null) return NOOP;
  draft.setRun({ cancelRequestedAt: draft.now });
  draft.emit("run.cancel_requested", null, { actor });
  const affected: string[] = [];
  for (const job of draft.jobs) {
    if (!ACTIVE_JOB_STATES.has(job.state)) continue;
    draft.setJob(job, { cancelRequested: true });
    affected.push(job.name);
  }
  return { kind: "done", affectedJobs: affected };
}

/** https://docs.gitlab.com/ci/yaml/#workflowauto_cancelon_new_commit, `conservative`; and something was meant to be so. */
function isInterruptible({ run, jobs }: Draft): boolean {
  const { plan } = run;
  const hasStarted = jobs.filter((job) => job.attempt > 0);
  return (
    plan.jobs.some((job) => job.interruptible) &&
    hasStarted.every((job) => plan.jobs[job.index]?.interruptible === true)
  );
}

function requestStop(draft: Draft, actor: string): CommandResult {
  const { run } = draft;
  const asked = run.stopRequestedAt !== null || run.cancelRequestedAt !== null;
  if (TERMINAL_RUN_STATUSES.has(run.status) || asked) return NOOP;
  draft.setRun({ stopRequestedAt: draft.now });
  draft.emit("run.stop_requested", null, { actor });
  const running = draft.jobs.filter((job) => job.state === "running" || job.state === "canceling");
  return { kind: "done", affectedJobs: running.map((job) => job.name) };
}

function retry(draft: Draft, wanted: string[] | "failed", actor: string, owner: Owner | null): CommandResult {
  const isWanted = (job: JobRecord) =>
    wanted === "failed"
      ? job.state === "failed" || job.state === "canceled"
      : wanted.includes(job.name) && TERMINAL_JOB_STATES.has(job.state);
  const again = draft.jobs.filter(isWanted);
  if (again.length === 0 || isDrivenByAnother(draft, owner)) return NOOP;
  draft.setRun({ cancelRequestedAt: null, stopRequestedAt: null });
  reopen(draft, again, actor, owner);
  for (const job of again) {
    const clean = draft.setJob(job, { retriesUsed: 0, cancelRequested: false, allowed: false });
    if (job.attempt > 0) enqueue(draft, clean, { cause: "retry", actor });
    else if (clean.state === "canceled")
      move(draft, clean, "created", { finishedAt: null, failureReason: null });
  }
  return { kind: "done", affectedJobs: again.map((job) => job.name) };
}

function play(draft: Draft, names: string[], actor: string, owner: Owner | null): CommandResult {
  const isWanted = (job: JobRecord) => job.state === "manual" || isPutOff(job, draft.now);
  const wanted = draft.jobs.filter((job) => names.includes(job.name) && isWanted(job));
  if (wanted.length === 0) return NOOP;
  reopen(draft, wanted, actor, isDrivenByAnother(draft, owner) ? null : owner);
  for (const job of wanted) {
    if (job.state === "manual") enqueue(draft, job, { cause: "play", actor });
    else draft.emit("job.pending", draft.setJob(job, { notBefore: null }), { cause: "play", actor });
  }
  return { kind: "done", affectedJobs: wanted.map((job) => job.name) };
}

/** A run that neither ended nor waits for people is left to the process that drives it. */
function isDrivenByAnother({ run }: Draft, owner: Owner | null): boolean {
  if (owner === null || TERMINAL_RUN_STATUSES.has(run.status) || run.status === "manual") return false;
  return !isSameProcess(run.owner, owner);
}

function reopen(draft: Draft, jobs: JobRecord[], actor: string, owner: Owner | null): void {
  if (owner !== null) draft.setRun({ owner });
  draft.emit("run.reopened", null, { actor, jobs: jobs.map((job) => job.name) });
  reviveSkipped(draft);
}

/** Skipped jobs are decided anew; those to which nothing has changed are skipped again by `settle`. */
function reviveSkipped(draft: Draft): void {
  for (const job of draft.jobs) {
    if (job.state === "skipped") move(draft, job, "created", { finishedAt: null });
  }
}

/** Ends the attempt and, unless the retry policy asks for another one, the job. */
function endAttempt(draft: Draft, job: JobRecord, attempt: AttemptRecord, outcome: Outcome): void {
  const planned = plannedOf(draft, job);
  closeAttempt(draft, job, attempt, outcome);
  const mayRetry = !job.cancelRequested && !startsNothing(draft) && job.state !== "canceling";
  if (mayRetry && isRetryWanted(planned.retry, job.retriesUsed, outcome)) {
    const counted = draft.setJob(job, { retriesUsed: job.retriesUsed + 1 });
    enqueue(draft, counted, { cause: "retry_policy", failureReason: outcome.failureReason });
    return;
  }
  const done = move(draft, job, outcome.status, {
    finishedAt: draft.now,
    exitCode: outcome.exitCode,
    failureReason: outcome.failureReason,
    allowed: isAllowed(planned, outcome),
  });
  draft.emit("job.finished", done, {
    status: outcome.status,
    exitCode: outcome.exitCode,
    failureReason: outcome.failureReason,
    message: outcome.message,
    allowed: done.allowed,
    durationMs: done.startedAt === null ? null : draft.now - done.startedAt,
  });
}

function closeAttempt(draft: Draft, job: JobRecord, attempt: AttemptRecord, outcome: Outcome): void {
  draft.setAttempt(attempt, {
    finishedAt: draft.now,
    outcome: outcome.status,
    exitCode: outcome.exitCode,
    failureReason: outcome.failureReason,
    message: outcome.message,
    logBytes: outcome.logBytes,
    logSha256: outcome.logSha256,
    artifactLayer: outcome.artifactLayer,
    results: outcome.results ?? null,
  });
  const of = { jobId: job.id, attempt: attempt.number };
  draft.addArtifacts(outcome.artifacts.map((artifact) => ({ ...artifact, ...of })));
  draft.addTestFailures((outcome.testFailures ?? []).map((failure) => ({ ...failure, ...of })));
}

/** The job and its attempt, if the lease's attempt is the newest one, unfinished, and the token is right. */
function holder(draft: Draft, lease: Lease): { job: JobRecord; attempt: AttemptRecord } | undefined {
  const job = draft.job(lease.jobId);
  const attempt = job && draft.attempt(job.id);
  if (job === undefined || attempt === undefined || attempt.outcome !== null) return undefined;
  if (attempt.number !== lease.attempt || attempt.leaseToken !== lease.token) return undefined;
  return { job, attempt };
}

function isAllowed(planned: PlannedJob, outcome: Outcome): boolean {
  if (outcome.status === "success") return false;
  if (typeof planned.allowFailure === "boolean") return planned.allowFailure;
  const { exitCodes } = planned.allowFailure;
  const exitCode = ownExitCode(outcome);
  return outcome.status === "failed" && exitCode !== null && exitCodes.includes(exitCode);
}

function canceledOutcome(message: string): Outcome {
  return { ...failedOutcome("canceled", message), status: "canceled" };
}

function failedOutcome(failureReason: FailureReason, message: string): Outcome {
  const nothing = { exitCode: null, logBytes: 0, logSha256: null, artifactLayer: null, artifacts: [] };
  return { status: "failed", failureReason, message, ...nothing };
}
