import type { Draft } from "./draft.ts";
import { enqueue, move, plannedOf } from "./job-moves.ts";
import { decideCreated } from "./proceed.ts";
import {
  ACTIVE_JOB_STATES,
  type JobRecord,
  type RunRecord,
  TERMINAL_JOB_STATES,
  TERMINAL_RUN_STATUSES,
} from "./records.ts";
import { hasWarnings, runStatus } from "./status.ts";

/** Brings everything that follows from the rows up to date: `created` jobs, then the run's status and times. */
export function settle(draft: Draft): void {
  if (startsNothing(draft)) {
    for (const job of draft.jobs) {
      if (!TERMINAL_JOB_STATES.has(job.state) && !ACTIVE_JOB_STATES.has(job.state))
        cancelUnstarted(draft, job);
    }
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const [job, decision] of decideCreated(draft.run.plan, draft.jobs)) {
      if (decision === "wait") continue;
      changed = true;
      if (decision === "enqueue") enqueue(draft, job, {});
      else if (decision === "ask") {
        const allowed = plannedOf(draft, job).allowFailure === true;
        draft.emit("job.manual", move(draft, job, "manual", { allowed }));
      } else {
        draft.emit("job.finished", move(draft, job, "skipped", { finishedAt: draft.now }), {
          status: "skipped",
        });
      }
    }
  }
  settleRun(draft);
}

function settleRun(draft: Draft): void {
  const { run, jobs, now } = draft;
  const status = runStatus(jobs);
  const warnings = hasWarnings(jobs);
  const isTerminal = TERMINAL_RUN_STATUSES.has(status);
  const startedAt = run.startedAt ?? (jobs.some((job) => job.startedAt !== null) ? now : null);
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
function busyTime({ run, jobs, now }: Draft, isIdle: boolean): Pick<RunRecord, "busyMs" | "busySince"> {
  const { busyMs, busySince } = run;
  if (busySince === null) {
    const begins = !isIdle && jobs.some((job) => job.state === "running" || job.state === "canceling");
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
