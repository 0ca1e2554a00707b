import type { Draft } from "./draft.ts";
import { enqueue, move, plannedOf } from "./job-moves.ts";
import { type Decision, decideReady } from "./proceed.ts";
import { type JobRecord, type RunRecord, TERMINAL_RUN_STATUSES } from "./records.ts";
import { statusOf } from "./status.ts";

/** Brings everything that follows from the rows up to date: `created` jobs, then the run's status and times. */
export function settle(draft: Draft): void {
  const { progress } = draft;
  if (startsNothing(draft)) for (const job of progress.unstarted()) cancelUnstarted(draft, job);
  for (let ready = progress.takeReady(); ready.length > 0; ready = progress.takeReady()) {
    const decided = ready.map((job) => ({ job, decision: decideReady(draft.run.plan, job.index, progress) }));
    for (const { job, decision } of decided) carryOut(draft, job, decision);
  }
  settleRun(draft);
}

function carryOut(draft: Draft, job: JobRecord, decision: Decision): void {
  if (decision === "enqueue") enqueueInTime(draft, job);
  else if (decision === "ask") {
    const allowed = plannedOf(draft, job).allowFailure === true;
    draft.emit("job.manual", move(draft, job, "manual", { allowed }));
  } else {
    const skipped = move(draft, job, "skipped", { finishedAt: draft.now });
    draft.emit("job.finished", skipped, { status: "skipped" });
  }
}

/** A delayed job is put off the first time that its turn comes. */
function enqueueInTime(draft: Draft, job: JobRecord): void {
  const { startInMs } = plannedOf(draft, job);
  const notBefore = startInMs === null || job.queuedAt !== null ? null : draft.now + startInMs;
  enqueue(draft, job, notBefore === null ? {} : { notBefore }, notBefore);
}

function settleRun(draft: Draft): void {
  const { run, progress, now } = draft;
  const status = statusOf(progress.states, progress.isStopping);
  const warnings = progress.has("warning");
  const isTerminal = TERMINAL_RUN_STATUSES.has(status);
  const startedAt = run.startedAt ?? (progress.hasBegun ? now : null);
  const finishedAt = isTerminal ? (run.finishedAt ?? now) : null;
  const busy = busyTime(draft, isTerminal || status === "manual");
  const same = run.status === status && run.warnings === warnings && run.startedAt === startedAt;
  if (same && run.finishedAt === finishedAt && run.busySince === busy.busySince) return;
  draft.setRun({ status, warnings, startedAt, finishedAt, ...busy });
  if (run.startedAt === null && startedAt !== null) draft.emit("run.started", null);
  if (isTerminal && run.finishedAt === null) draft.emit("run.finished", null, { status, warnings });
  else if (run.status !== status) draft.emit("run.status", null, { status });
}

/** A run is busy from the start of a job until nothing more happens by itself: it has ended, or waits for a manual job. */
function busyTime({ run, progress, now }: Draft, isIdle: boolean): Pick<RunRecord, "busyMs" | "busySince"> {
  const { busyMs, busySince } = run;
  if (busySince === null) {
    const begins = !isIdle && progress.has("running");
    return { busyMs, busySince: begins ? now : null };
  }
  return isIdle ? { busyMs: busyMs + now - busySince, busySince: null } : { busyMs, busySince };
}

function cancelUnstarted(draft: Draft, job: JobRecord): void {
  const allowed = plannedOf(draft, job).allowFailure === true;
  const done = move(draft, job, "canceled", { finishedAt: draft.now, failureReason: "canceled", allowed });
  draft.emit("job.finished", done, { status: "canceled", failureReason: "canceled", allowed });
}

/** A cancel or stop was asked for: what has not started never will. */
export function startsNothing(draft: Draft): boolean {
  return draft.run.cancelRequestedAt !== null || draft.run.stopRequestedAt !== null;
}
