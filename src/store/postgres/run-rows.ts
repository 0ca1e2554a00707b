import type { Plan } from "../../plan/plan.ts";
import type { AttemptRecord, JobRecord, NewRunEvent, RunRecord } from "../../run/records.ts";
import type { RunChanges, RunState } from "../../run/run-state.ts";
import { type AttemptRow, attemptRecord, packResults } from "../attempt-row.ts";
import { tagsText } from "../claimable.ts";
import { ATTEMPT_COLUMNS, JOB_COLUMNS } from "../columns.ts";
import { type Session, withoutNul } from "./postgres-connection.ts";

/** By index. */
export function readJobs(db: Session, runId: string): Promise<JobRecord[]> {
  return db.all(`SELECT ${JOB_COLUMNS} FROM jobs WHERE run_id = $1 ORDER BY position`, runId);
}

export async function readNewestAttempts(db: Session, runId: string): Promise<Map<string, AttemptRecord>> {
  const rows = await db.all<AttemptRow>(
    `SELECT ${ATTEMPT_COLUMNS}
     FROM jobs JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
     WHERE jobs.run_id = $1`,
    runId,
  );
  return new Map(rows.map((row) => [row.jobId, attemptRecord(row)]));
}

/** Writes what a command changed. Each write is guarded by what the command was decided on (`before`). */
export async function writeChanges(db: Session, before: RunState, changes: RunChanges): Promise<void> {
  await Promise.all([
    changes.run === null ? undefined : updateRun(db, changes.run),
    updateJobs(db, before, changes.jobs),
    ...changes.attempts.map((attempt) => updateAttempt(db, before.attempts.get(attempt.jobId)!, attempt)),
    insertArtifacts(db, changes.artifacts),
    insertTestFailures(db, changes.testFailures),
    insertEvents(db, changes.events),
  ]);
}

export async function insertJobs(db: Session, jobs: readonly JobRecord[], plan: Plan): Promise<void> {
  if (jobs.length === 0) return;
  const rows = jobs.map((job) => ({ ...job, tags: tagsText(plan.jobs[job.index]!.tags) }));
  await db.runGuarded(
    jobs.length,
    `INSERT INTO jobs (id, run_id, name, position, state, allowed, failure_reason, exit_code, attempt, retries_used,
       cancel_requested, created_at, queued_at, started_at, finished_at, tags, priority,
       not_before, resource_key)
     SELECT id, "runId", name, index, state, allowed, "failureReason", "exitCode", attempt, "retriesUsed",
       "cancelRequested", "createdAt", "queuedAt", "startedAt", "finishedAt", tags, priority,
       "notBefore", "resourceKey"
     FROM json_to_recordset($1::text::json) AS job (id text, "runId" text, name text, index integer, state text,
       allowed boolean, "failureReason" text, "exitCode" integer, attempt integer, "retriesUsed" integer,
       "cancelRequested" boolean, "createdAt" bigint, "queuedAt" bigint, "startedAt" bigint, "finishedAt" bigint,
       tags text, priority bigint, "notBefore" bigint, "resourceKey" text)`,
    toJson(rows),
  );
}

export async function insertEvents(db: Session, events: readonly NewRunEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({ ...event, data: JSON.stringify(event.data) }));
  await db.runGuarded(
    rows.length,
    `INSERT INTO events (run_id, at, type, job, attempt, data)
     SELECT "runId", at, type, job, attempt, data
     FROM json_to_recordset($1::text::json) AS event ("runId" text, at bigint, type text, job text, attempt integer, data text)`,
    toJson(rows),
  );
}

async function insertArtifacts(db: Session, artifacts: RunChanges["artifacts"]): Promise<void> {
  if (artifacts.length === 0) return;
  await db.runGuarded(
    artifacts.length,
    `INSERT INTO artifacts (attempt_id, path, size_bytes, sha256)
     SELECT attempts.id, path, "sizeBytes", sha256
     FROM json_to_recordset($1::text::json) AS artifact ("jobId" text, attempt integer, path text, "sizeBytes" bigint,
       sha256 text)
     JOIN attempts ON attempts.job_id = artifact."jobId" AND attempts.number = artifact.attempt`,
    toJson(artifacts),
  );
}

async function insertTestFailures(db: Session, failures: RunChanges["testFailures"]): Promise<void> {
  if (failures.length === 0) return;
  await db.runGuarded(
    failures.length,
    `INSERT INTO test_failures (attempt_id, position, suite, class_name, name, file, line, kind, message, detail)
     SELECT attempts.id, failure.position, suite, "className", name, file, line, kind, failure.message, detail
     FROM json_to_recordset($1::text::json) AS failure ("jobId" text, attempt integer, position integer, suite text,
       "className" text, name text, file text, line integer, kind text, message text, detail text)
     JOIN attempts ON attempts.job_id = failure."jobId" AND attempts.number = failure.attempt`,
    toJson(failures.map((failure, position) => ({ ...failure, position }))),
  );
}

function updateRun(db: Session, run: RunRecord): Promise<void> {
  return db.runGuarded(
    1,
    `UPDATE runs SET status = $2, warnings = $3, cancel_requested_at = $4, stop_requested_at = $5, started_at = $6,
       finished_at = $7, owner = $8, busy_ms = $9, busy_since = $10
     WHERE id = $1`,
    ...[run.id, run.status, run.warnings, run.cancelRequestedAt, run.stopRequestedAt],
    ...[run.startedAt, run.finishedAt, run.owner && JSON.stringify(run.owner)],
    ...[run.busyMs, run.busySince],
  );
}

async function updateJobs(db: Session, before: RunState, jobs: readonly JobRecord[]): Promise<void> {
  if (jobs.length === 0) return;
  const rows = jobs.map((job) => ({ ...job, stateBefore: before.jobs[job.index]!.state }));
  await db.runGuarded(
    rows.length,
    `UPDATE jobs SET state = job.state, allowed = job.allowed, failure_reason = job."failureReason",
       exit_code = job."exitCode", retries_used = job."retriesUsed", cancel_requested = job."cancelRequested",
       queued_at = job."queuedAt", started_at = job."startedAt", finished_at = job."finishedAt",
       not_before = job."notBefore"
     FROM json_to_recordset($1::text::json) AS job (id text, "stateBefore" text, attempt integer, state text,
       allowed boolean, "failureReason" text, "exitCode" integer, "retriesUsed" integer, "cancelRequested" boolean,
       "queuedAt" bigint, "startedAt" bigint, "finishedAt" bigint, "notBefore" bigint)
     WHERE jobs.id = job.id AND jobs.state = job."stateBefore" AND jobs.attempt = job.attempt`,
    toJson(rows),
  );
}

function updateAttempt(db: Session, before: AttemptRecord, attempt: AttemptRecord): Promise<void> {
  return db.runGuarded(
    1,
    `UPDATE attempts SET container_name = $5, started_at = $6, finished_at = $7, outcome = $8, exit_code = $9,
       failure_reason = $10, message = $11, log_bytes = $12, log_sha256 = $13, artifact_layer = $14,
       results = $15
     WHERE job_id = $1 AND number = $2 AND lease_token = $3 AND lease_until = $4 AND outcome IS NULL`,
    ...[attempt.jobId, attempt.number, attempt.leaseToken, before.leaseUntil],
    ...[attempt.containerName, attempt.startedAt, attempt.finishedAt, attempt.outcome, attempt.exitCode],
    ...[attempt.failureReason, attempt.message, attempt.logBytes, attempt.logSha256, attempt.artifactLayer],
    packResults(attempt),
  );
}

/** JSON whose strings PostgreSQL can store as text. */
function toJson(rows: readonly object[]): string {
  return JSON.stringify(rows, (_key, value: unknown) =>
    typeof value === "string" ? withoutNul(value) : value,
  );
}
