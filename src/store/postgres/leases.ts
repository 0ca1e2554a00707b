import type { AttemptRecord, Lease, RunRecord } from "../../run/records.ts";
import type { LeaseState, ResourceHolder } from "../../run/store.ts";
import { type AttemptRow, attemptRecord } from "../attempt-row.ts";
import { ATTEMPT_COLUMNS, LEASE_COLUMNS, RESOURCE_HOLDERS } from "../columns.ts";
import { StaleRows } from "../stale-rows.ts";
import { NOW, type Session } from "./postgres-connection.ts";

/** Everything that changes a run's rows, but for leases and logs, takes this lock first, and only one: no deadlocks. */
const RUN_LOCK = "FOR NO KEY UPDATE OF runs";

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

export function findResourceHolders(db: Session, keys: readonly string[]): Promise<ResourceHolder[]> {
  return db.all<ResourceHolder>(
    `${RESOURCE_HOLDERS} AND jobs.resource_key = ANY (ARRAY(SELECT json_array_elements_text($1::text::json)))`,
    JSON.stringify(keys),
  );
}

export async function findAttemptsOf(db: Session, worker: string): Promise<AttemptRecord[]> {
  const rows = await db.all<AttemptRow>(
    `SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE outcome IS NULL AND worker = $1 ORDER BY id`,
    worker,
  );
  return rows.map(attemptRecord);
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
