import { createHash } from "node:crypto";
import type { PlannedJob } from "../plan/plan.ts";
import type { AttemptRecord, EpochMs, JobRecord, RunRecord } from "./records.ts";
import type { NewRun } from "./store.ts";

/** The row of a new run, before its first settling. */
export function newRunRecord(input: NewRun, number: number, now: EpochMs): RunRecord {
  return {
    ...input,
    number,
    status: "pending",
    warnings: false,
    cancelRequestedAt: null,
    stopRequestedAt: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    busyMs: 0,
    busySince: null,
  };
}

/** The rows of the planned jobs of a new run. `priorities`: as `planPriorities` gives them. */
export function newJobs(run: RunRecord, priorities: readonly number[], now: EpochMs): JobRecord[] {
  return run.plan.jobs.map((planned, index) => newJob(run, planned, index, priorities[index]!, now));
}

/** Which job of its run an id names. */
export function jobIndex(runId: string, jobId: string): number {
  return Number(jobId.slice(runId.length + 1));
}

/** What the jobs of a repository with the same resource group share, and no others. */
export function resourceKey(repoKey: string, group: string): string {
  return createHash("sha256")
    .update(JSON.stringify([repoKey, group]))
    .digest("hex");
}

function newJob(
  run: RunRecord,
  { name, resourceGroup }: PlannedJob,
  index: number,
  priority: number,
  now: EpochMs,
): JobRecord {
  return {
    id: `${run.id}-${index}`,
    runId: run.id,
    name,
    index,
    priority,
    state: "created",
    allowed: false,
    failureReason: null,
    exitCode: null,
    attempt: 0,
    retriesUsed: 0,
    cancelRequested: false,
    createdAt: now,
    queuedAt: null,
    notBefore: null,
    resourceKey: resourceGroup === null ? null : resourceKey(run.source.repo.key, resourceGroup),
    startedAt: null,
    finishedAt: null,
  };
}

/** The row of a claim: attempt `number` of a job. */
export function newAttempt(
  job: JobRecord,
  number: number,
  claim: { worker: string; token: string; leaseMs: number },
  now: EpochMs,
): AttemptRecord {
  return {
    jobId: job.id,
    runId: job.runId,
    number,
    worker: claim.worker,
    leaseToken: claim.token,
    leaseUntil: now + claim.leaseMs,
    containerName: null,
    assignedAt: now,
    startedAt: null,
    finishedAt: null,
    outcome: null,
    exitCode: null,
    failureReason: null,
    message: null,
    logBytes: 0,
    logSha256: null,
    artifactLayer: null,
    results: null,
  };
}
