import { plannedOf } from "./attempt.ts";
import type { FailureReason, Lease, RunRecord } from "./records.ts";
import type { AttemptEnd } from "./run-attempt.ts";

/** One attempt, for those who watch a worker. `name` is the job's. */
export interface WatchedAttempt {
  runId: string;
  pipeline: string;
  jobId: string;
  name: string;
  attempt: number;
}

/**
 * What a worker tells about itself, for log lines and figures; nothing depends on who listens. `job.claimed` or
 * `job.adopted` comes once per attempt, then one of `job.finished` (recorded), `job.lost` (the store did not take it: the lease
 * was lost or given up) and `job.left` (it goes on without this worker).
 */
export type WorkerEvent =
  | { type: "job.claimed" | "job.adopted" | "job.lost" | "job.left"; job: WatchedAttempt }
  | {
      type: "job.finished";
      job: WatchedAttempt;
      status: "success" | "failed" | "canceled";
      failureReason: FailureReason | null;
      /** From claim to the recorded outcome, by the monotonic clock; of an adopted one as it is recorded. */
      durationMs: number;
    }
  /** Something did not work and is tried again. `doing`: a few words such as "claim a job". */
  | { type: "trouble"; doing: string; error: unknown };

export function watchedAttempt(run: RunRecord, { jobId, attempt }: Lease): WatchedAttempt {
  const { name } = plannedOf(run, { jobId });
  return { runId: run.id, pipeline: run.pipeline, jobId, name, attempt };
}

export function endEvent(end: AttemptEnd, job: WatchedAttempt, durationMs: number): WorkerEvent {
  if (end.kind !== "recorded") return { type: `job.${end.kind}`, job };
  const { status, failureReason } = end;
  return { type: "job.finished", job, status, failureReason, durationMs };
}
