import type { AttemptRecord, JobRecord, Lease } from "../run/records.ts";
import type { ClaimScope } from "../run/store.ts";

/** Which runs' waiting jobs may be claimed, as far as that is not the scope's. The same in SQLite and PostgreSQL. */
export const MAY_START = `runs.cancel_requested_at IS NULL AND runs.stop_requested_at IS NULL
  AND ((SELECT earlier.status FROM runs AS earlier WHERE earlier.id = runs.after_run)
    IN ('pending', 'running', 'canceling')) IS NOT TRUE`;

/**
 * Which waiting jobs may be claimed: they are not put off any longer, and no other job has their resource. A claim that loses the
 * race for a resource finds it in `jobs_of_resource`, which is unique. `now`: the database's clock in its SQL.
 */
export function isFree(now: string): string {
  return `(jobs.not_before IS NULL OR jobs.not_before <= ${now})
    AND (jobs.resource_key IS NULL OR NOT EXISTS (
      SELECT 1 FROM jobs AS holder
      WHERE holder.resource_key = jobs.resource_key AND holder.state IN ('assigned', 'running', 'canceling')))`;
}

/** The run of the first of these is served first. */
export const QUEUE_ORDER = "jobs.queued_at, jobs.run_id, jobs.position";

/** Among the waiting jobs of one run. */
export const RUN_ORDER = "jobs.priority DESC, jobs.queued_at, jobs.position";

/** Of a planned job, as they are stored: no text that a database's JSON functions refuse. */
export function tagsText(tags: readonly string[]): string {
  return JSON.stringify(tags.map((tag) => tag.toWellFormed().replaceAll("\u0000", "\ufffd")));
}

export interface Claim {
  worker: string;
  token: string;
  leaseMs: number;
  scope: ClaimScope;
}

/** What a claim changed, for the cache: the run's new version, the job and its new attempt. */
export interface Claimed {
  lease: Lease;
  version: number;
  job: JobRecord;
  attempt: AttemptRecord;
}
