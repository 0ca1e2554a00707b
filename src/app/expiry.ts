import type { AttemptRecord, EpochMs } from "../run/records.ts";
import type { RunDetail } from "../run/store.ts";

/** When the artifacts of an attempt expire: `expire_in` after its end. Null: never by themselves. */
export function expiresAt({ run, jobs }: RunDetail, attempt: AttemptRecord): EpochMs | null {
  const job = jobs.find(({ id }) => id === attempt.jobId);
  const expireInMs = job && run.plan.jobs[job.index]!.artifacts?.expireInMs;
  return expireInMs === undefined || attempt.finishedAt === null ? null : attempt.finishedAt + expireInMs;
}

/** Expired artifacts are shown nowhere and may be removed at any time. */
export function isExpired(detail: RunDetail, attempt: AttemptRecord, now: EpochMs): boolean {
  const at = expiresAt(detail, attempt);
  return at !== null && at < now;
}
