import { newAttempt } from "../../run/new-rows.ts";
import type { AttemptRecord, JobRecord, Lease, RunRecord } from "../../run/records.ts";
import type { ClaimScope, LeaseState, ResourceHolder } from "../../run/store.ts";
import { assignedEvent } from "../../run/transitions.ts";
import { type AttemptRow, attemptRecord } from "../attempt-row.ts";
import {
  type Claim,
  type Claimed,
  isFree,
  MAY_START,
  QUEUE_ORDER,
  RUN_ORDER,
  tagsText,
} from "../claimable.ts";
import { ATTEMPT_COLUMNS, JOB_COLUMNS, LEASE_COLUMNS, RESOURCE_HOLDERS } from "../columns.ts";
import { insertEvents, jobRecord } from "./run-rows.ts";
import { NOW, type SqliteConnection } from "./sqlite-connection.ts";

type JobRow = Parameters<typeof jobRecord>[0];

/**
 * Of the run whose first claimable job is the first in queue order, the claimable job of the highest priority. Left to itself the
 * planner would sort all waiting jobs of the scope's runs.
 */
export function findClaimable(db: SqliteConnection, scope: ClaimScope): JobRecord | undefined {
  const { ofRun, ofJob, values } = conditionOf(scope);
  const claimable = `jobs.state = 'pending' AND ${ofJob} AND ${isFree(NOW)}`;
  const row = db.get<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM jobs
     WHERE ${claimable} AND jobs.run_id = (
       SELECT jobs.run_id FROM jobs INDEXED BY jobs_queue CROSS JOIN runs ON runs.id = jobs.run_id
       WHERE ${claimable} AND ${MAY_START} AND ${ofRun} ORDER BY ${QUEUE_ORDER} LIMIT 1)
     ORDER BY ${RUN_ORDER} LIMIT 1`,
    ...values,
  );
  return row && jobRecord(row);
}

function conditionOf(scope: ClaimScope): { ofRun: string; ofJob: string; values: string[] } {
  if (scope.kind === "runs")
    return {
      ofRun: "runs.id IN (SELECT value FROM json_each(?1))",
      ofJob: "true",
      values: [JSON.stringify(scope.runIds)],
    };
  return {
    ofRun: "runs.mode = 'queue' AND runs.executor IN (SELECT value FROM json_each(?1))",
    ofJob: `(jobs.tags = '[]' OR NOT EXISTS (
      SELECT 1 FROM json_each(jobs.tags) WHERE value NOT IN (SELECT value FROM json_each(?2))))`,
    values: [JSON.stringify(scope.executors), tagsText(scope.labels)],
  };
}

/** Inside a write transaction. */
export function claimJob(db: SqliteConnection, claim: Claim): Claimed | undefined {
  const found = findClaimable(db, claim.scope);
  if (found === undefined) return undefined;
  const now = db.now();
  const number = found.attempt + 1;
  db.runGuarded(
    "UPDATE jobs SET state = 'assigned', attempt = ?3 WHERE id = ?1 AND state = 'pending' AND attempt = ?2",
    ...[found.id, found.attempt, number],
  );
  const attempt = newAttempt(found, number, claim, now);
  insertAttempt(db, attempt);
  const lease = { runId: found.runId, jobId: found.id, attempt: number, token: claim.token };
  insertEvents(db, [assignedEvent(lease, found.name, claim.worker, now)]);
  return {
    lease,
    version: raiseVersion(db, found.runId),
    job: { ...found, state: "assigned", attempt: number },
    attempt,
  };
}

export function findResourceHolders(db: SqliteConnection, keys: readonly string[]): ResourceHolder[] {
  return db.all<ResourceHolder>(
    `${RESOURCE_HOLDERS} AND jobs.resource_key IN (SELECT value FROM json_each(?1))`,
    JSON.stringify(keys),
  );
}

export function raiseVersion(db: SqliteConnection, runId: string): number {
  return db.get<{ version: number }>(
    "UPDATE runs SET version = version + 1 WHERE id = ?1 RETURNING version",
    runId,
  )!.version;
}

/** Inside a write transaction. */
export function renewLeases(db: SqliteConnection, leases: Lease[], leaseMs: number): LeaseState[] {
  const leaseUntil = db.now() + leaseMs;
  return leases.map((lease) => {
    const held = db.get<{ cancelRequested: number }>(
      `UPDATE attempts SET lease_until = ?4
       WHERE job_id = ?1 AND number = ?2 AND lease_token = ?3 AND outcome IS NULL
       RETURNING (SELECT cancel_requested FROM jobs WHERE jobs.id = job_id) AS cancelRequested`,
      ...[lease.jobId, lease.attempt, lease.token, leaseUntil],
    );
    if (held === undefined) return { lease, state: "lost" };
    return { lease, state: "held", cancelRequested: held.cancelRequested === 1 };
  });
}

export function findExpiredLeases(db: SqliteConnection, mode: RunRecord["mode"]): Lease[] {
  return db.all<Lease>(
    `SELECT ${LEASE_COLUMNS} FROM attempts JOIN runs ON runs.id = attempts.run_id
     WHERE attempts.outcome IS NULL AND attempts.lease_until < ?1 AND runs.mode = ?2
     ORDER BY attempts.lease_until, attempts.id`,
    ...[db.now(), mode],
  );
}

export function findAttemptsOf(db: SqliteConnection, worker: string): AttemptRecord[] {
  const sql = `SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE outcome IS NULL AND worker = ?1 ORDER BY id`;
  return db.all<AttemptRow>(sql, worker).map(attemptRecord);
}

export function expireLeasesOf(db: SqliteConnection, worker: string): void {
  db.run(
    "UPDATE attempts SET lease_until = min(lease_until, ?2) WHERE outcome IS NULL AND worker = ?1",
    ...[worker, db.now() - 1],
  );
}

/** When the lease of an unfinished attempt ends; undefined where the token does not match or it is finished. */
export function readLeaseUntil(db: SqliteConnection, lease: Lease): number | undefined {
  return db.get<{ leaseUntil: number }>(
    `SELECT lease_until AS leaseUntil FROM attempts
     WHERE job_id = ?1 AND number = ?2 AND lease_token = ?3 AND outcome IS NULL`,
    ...[lease.jobId, lease.attempt, lease.token],
  )?.leaseUntil;
}

function insertAttempt(db: SqliteConnection, attempt: AttemptRecord): void {
  db.run(
    `INSERT INTO attempts (job_id, run_id, number, worker, lease_token, lease_until, assigned_at, log_bytes)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)`,
    ...[attempt.jobId, attempt.runId, attempt.number, attempt.worker, attempt.leaseToken],
    ...[attempt.leaseUntil, attempt.assignedAt],
  );
}
