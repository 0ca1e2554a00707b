import type { PlannedJob } from "../plan/plan.ts";
import type { Draft } from "./draft.ts";
import type { EpochMs, JobRecord, JobState } from "./records.ts";

/**
 * Which state may follow which (STATES.md); every change of a job's state goes through here, so an illegal one throws.
 * From a terminal state only a retry leads on.
 */
export const JOB_TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  created: ["pending", "manual", "waiting_for_resource", "skipped", "canceled"],
  manual: ["pending", "canceled"],
  waiting_for_resource: ["pending", "canceled"],
  pending: ["assigned", "canceled"],
  assigned: ["running", "pending", "canceled"],
  running: ["canceling", "pending", "success", "failed", "canceled"],
  canceling: ["success", "failed", "canceled"],
  success: ["pending"],
  failed: ["pending"],
  canceled: ["pending", "created"],
  skipped: ["created"],
};

/** Changes a job's state. Throws when the table does not have it: a fault of this program. */
export function move(draft: Draft, job: JobRecord, to: JobState, change: Partial<JobRecord>): JobRecord {
  const from = draft.jobs[job.index]!.state;
  if (!JOB_TRANSITIONS[from].includes(to))
    throw new Error(`illegal transition of job ${job.name}: ${from} → ${to}`);
  return draft.setJob(job, { ...change, state: to });
}

/** Puts a job into the queue. `data`: further facts of its event. `notBefore`: it is put off until then. */
export function enqueue(
  draft: Draft,
  job: JobRecord,
  data: Record<string, unknown>,
  notBefore: EpochMs | null = null,
): void {
  const again = job.attempt > 0;
  const queued = move(draft, job, "pending", {
    queuedAt: draft.now,
    notBefore,
    startedAt: null,
    finishedAt: null,
    exitCode: null,
    failureReason: null,
    allowed: false,
  });
  draft.emit(again ? "job.requeued" : "job.pending", queued, data);
}

/** Whether a job waits for its moment. */
export function isPutOff(
  { state, notBefore }: Pick<JobRecord, "state" | "notBefore">,
  now: EpochMs,
): boolean {
  return state === "pending" && notBefore !== null && notBefore > now;
}

export function plannedOf(draft: Draft, job: JobRecord): PlannedJob {
  return draft.run.plan.jobs[job.index]!;
}
