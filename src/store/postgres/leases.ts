import { newAttempt } from "../../run/new-rows.ts";
import type { AttemptRecord, JobRecord, Lease, RunRecord } from "../../run/records.ts";
import type { ClaimScope, LeaseState } from "../../run/store.ts";
import { assignedEvent } from "../../run/transitions.ts";
import { IS_CLAIMABLE, QUEUE_ORDER, tagsText } from "../claimable.ts";
import { ATTEMPT_COLUMNS, JOB_COLUMNS, LEASE_COLUMNS } from "../columns.ts";
import { StaleRows } from "../stale-rows.ts";
import { NOW, type Session } from "./postgres-connection.ts";
import { insertEvents } from "./run-rows.ts";

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

/** Everything that changes a run's rows, but for leases and logs, takes this lock first, and only one: no deadlocks. */
const RUN_LOCK = "FOR NO KEY UPDATE OF runs";

/**
 * Inside a transaction. Jobs of runs that somebody else is changing just now are passed over; where there are only such
 * jobs, the run of the first is waited for.
 */
export async function claimJob(db: Session, claim: Claim): Promise<Claimed | undefined> {
  const job = (await firstFree(db, claim.scope)) ?? (await firstAfterWaiting(db, claim.scope));
  if (job === undefined) return undefined;
  const [, version] = await Promise.all([
    db.runGuarded(
      1,
      "UPDATE jobs SET state = 'assigned', attempt = $3 WHERE id = $1 AND state = 'pending' AND attempt = $2",
      ...[job.id, job.attempt, job.attempt + 1],
    ),
    raiseVersion(db, job.runId),
  ]);
  return assign(db, claim, job, version);
}

/** What an earlier call of the same claim, of which no answer came, has got: tokens are never used twice. */
export function findLease(db: Session, claim: Claim): Promise<Lease | undefined> {
  return db.get<Lease>(
    `SELECT ${LEASE_COLUMNS} FROM attempts WHERE outcome IS NULL AND worker = $1 AND lease_token = $2`,
    ...[claim.worker, claim.token],
  );
}

async function assign(db: Session, claim: Claim, job: JobRecord, version: number): Promise<Claimed> {
  const number = job.attempt + 1;
  const now = await readNow(db);
  const attempt = newAttempt(job, number, claim, now);
  const lease = { runId: job.runId, jobId: job.id, attempt: number, token: claim.token };
  await Promise.all([
    insertAttempt(db, attempt),
    insertEvents(db, [assignedEvent(lease, job.name, claim.worker, now)]),
  ]);
  return { lease, version, job: { ...job, state: "assigned", attempt: number }, attempt };
}

async function firstFree(db: Session, scope: ClaimScope): Promise<JobRecord | undefined> {
  const { from, values } = claimable(scope);
  return db.get<JobRecord>(
    `SELECT ${JOB_COLUMNS} ${from} LIMIT 1 FOR NO KEY UPDATE OF runs, jobs SKIP LOCKED`,
    ...values,
  );
}

/** Throws StaleRows where the run, once locked, has no such job any more. */
async function firstAfterWaiting(db: Session, scope: ClaimScope): Promise<JobRecord | undefined> {
  const { from, values } = claimable(scope);
  const seen = await db.get<{ runId: string }>(`SELECT jobs.run_id AS "runId" ${from} LIMIT 1`, ...values);
  if (seen === undefined) return undefined;
  await db.run(`SELECT 1 FROM runs WHERE id = $1 ${RUN_LOCK}`, seen.runId);
  const inRun = claimable({ kind: "runs", runIds: [seen.runId] });
  const job = await db.get<JobRecord>(`SELECT ${JOB_COLUMNS} ${inRun.from} LIMIT 1`, ...inRun.values);
  if (job === undefined) throw new StaleRows("the job was claimed by somebody else");
  return job;
}

function claimable(scope: ClaimScope): { from: string; values: string[] } {
  const { inScope, values } = conditionOf(scope);
  return {
    from: `FROM jobs JOIN runs ON runs.id = jobs.run_id WHERE ${IS_CLAIMABLE} AND ${inScope} ORDER BY ${QUEUE_ORDER}`,
    values,
  };
}

function conditionOf(scope: ClaimScope): { inScope: string; values: string[] } {
  if (scope.kind === "runs")
    return {
      inScope: "runs.id IN (SELECT json_array_elements_text($1::text::json))",
      values: [JSON.stringify(scope.runIds)],
    };
  return {
    inScope: `runs.mode = 'queue' AND runs.executor IN (SELECT json_array_elements_text($1::text::json))
      AND (jobs.tags = '[]' OR jobs.tags::jsonb <@ $2::text::jsonb)`,
    values: [JSON.stringify(scope.executors), tagsText(scope.labels)],
  };
}

/** Waits for the run's lock, and returns its version then; undefined: there is no such run. */
export async function lockRun(db: Session, runId: string): Promise<number | undefined> {
  const row = await db.get<{ version: number }>(`SELECT version FROM runs WHERE id = $1 ${RUN_LOCK}`, runId);
  return row?.version;
}

export async function raiseVersion(db: Session, runId: string): Promise<number> {
  const row = await db.get<{ version: number }>(
    "UPDATE runs SET version = version + 1 WHERE id = $1 RETURNING version",
    runId,
  );
  if (row === undefined) throw new StaleRows("the run was deleted");
  return row.version;
}

export async function readNow(db: Session): Promise<number> {
  const row = await db.get<{ now: number }>(`SELECT ${NOW} AS now`);
  return row!.now;
}

export async function renewLeases(db: Session, leases: Lease[], leaseMs: number): Promise<LeaseState[]> {
  const held = await db.all<{ jobId: string; attempt: number; token: string; cancelRequested: boolean }>(
    `UPDATE attempts SET lease_until = ${NOW} + $2
     FROM json_to_recordset($1::text::json) AS held ("jobId" text, attempt integer, token text)
     JOIN jobs ON jobs.id = held."jobId"
     WHERE attempts.job_id = held."jobId" AND attempts.number = held.attempt AND attempts.lease_token = held.token
       AND attempts.outcome IS NULL
     RETURNING attempts.job_id AS "jobId", attempts.number AS attempt, attempts.lease_token AS token,
       jobs.cancel_requested AS "cancelRequested"`,
    ...[JSON.stringify(leases), leaseMs],
  );
  const byAttempt = new Map(held.map((row) => [`${row.jobId} ${row.attempt} ${row.token}`, row]));
  return leases.map((lease) => {
    const row = byAttempt.get(`${lease.jobId} ${lease.attempt} ${lease.token}`);
    if (row === undefined) return { lease, state: "lost" };
    return { lease, state: "held", cancelRequested: row.cancelRequested };
  });
}

export function findExpiredLeases(db: Session, mode: RunRecord["mode"]): Promise<Lease[]> {
  return db.all<Lease>(
    `SELECT ${LEASE_COLUMNS} FROM attempts JOIN runs ON runs.id = attempts.run_id
     WHERE attempts.outcome IS NULL AND attempts.lease_until < ${NOW} AND runs.mode = $1
     ORDER BY attempts.lease_until, attempts.id`,
    mode,
  );
}

export function findAttemptsOf(db: Session, worker: string): Promise<AttemptRecord[]> {
  return db.all<AttemptRecord>(
    `SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE outcome IS NULL AND worker = $1 ORDER BY id`,
    worker,
  );
}

export function expireLeasesOf(db: Session, worker: string): Promise<number> {
  return db.run(
    `UPDATE attempts SET lease_until = least(lease_until, ${NOW} - 1) WHERE outcome IS NULL AND worker = $1`,
    worker,
  );
}

/** When the lease of an unfinished attempt ends; undefined where the token does not match or it is finished. */
export async function readLeaseUntil(db: Session, lease: Lease): Promise<number | undefined> {
  const row = await db.get<{ leaseUntil: number }>(
    `SELECT lease_until AS "leaseUntil" FROM attempts
     WHERE job_id = $1 AND number = $2 AND lease_token = $3 AND outcome IS NULL`,
    ...[lease.jobId, lease.attempt, lease.token],
  );
  return row?.leaseUntil;
}

export async function isLeaseLive(db: Session, lease: Lease): Promise<boolean> {
  const row = await db.get(
    `SELECT 1 FROM attempts
     WHERE job_id = $1 AND number = $2 AND lease_token = $3 AND outcome IS NULL AND lease_until >= ${NOW}`,
    ...[lease.jobId, lease.attempt, lease.token],
  );
  return row !== undefined;
}

function insertAttempt(db: Session, attempt: AttemptRecord): Promise<number> {
  return db.run(
    `INSERT INTO attempts (job_id, run_id, number, worker, lease_token, lease_until, assigned_at, log_bytes)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`,
    ...[attempt.jobId, attempt.runId, attempt.number, attempt.worker, attempt.leaseToken],
    ...[attempt.leaseUntil, attempt.assignedAt],
  );
}
