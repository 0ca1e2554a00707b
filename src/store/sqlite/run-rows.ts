import type { AttemptRecord, JobRecord, NewRunEvent, RunRecord } from "../../run/records.ts";
import type { RunChanges, RunState } from "../../run/run-state.ts";
import { type AttemptRow, attemptRecord, packResults } from "../attempt-row.ts";
import { tagsText } from "../claimable.ts";
import { ATTEMPT_COLUMNS, JOB_COLUMNS } from "../columns.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

type JobRow = Omit<JobRecord, "allowed" | "cancelRequested"> & { allowed: number; cancelRequested: number };

/** The row itself becomes the record: there may be many. */
export function jobRecord(row: JobRow): JobRecord {
  return Object.assign(row, { allowed: row.allowed === 1, cancelRequested: row.cancelRequested === 1 });
}

/** By index. */
export function readJobs(db: SqliteConnection, runId: string): JobRecord[] {
  const sql = `SELECT ${JOB_COLUMNS} FROM jobs WHERE run_id = ?1 ORDER BY position`;
  return db.all<JobRow>(sql, runId).map(jobRecord);
}

export function readNewestAttempts(db: SqliteConnection, runId: string): Map<string, AttemptRecord> {
  const rows = db.all<AttemptRow>(
    `SELECT ${ATTEMPT_COLUMNS}
     FROM jobs JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
     WHERE jobs.run_id = ?1`,
    runId,
  );
  return new Map(rows.map((row) => [row.jobId, attemptRecord(row)]));
}

/** Writes what a command changed. Each write is guarded by what the command was decided on (`before`). */
export function writeChanges(db: SqliteConnection, before: RunState, changes: RunChanges): void {
  if (changes.run !== null) updateRun(db, changes.run);
  for (const job of changes.jobs) updateJob(db, before.jobs[job.index]!, job);
  for (const attempt of changes.attempts) {
    updateAttempt(db, before.attempts.get(attempt.jobId)!, attempt);
  }
  for (const { jobId, attempt, path, sizeBytes, sha256 } of changes.artifacts) {
    db.runGuarded(
      `INSERT INTO artifacts (attempt_id, path, size_bytes, sha256)
       SELECT id, ?3, ?4, ?5 FROM attempts WHERE job_id = ?1 AND number = ?2`,
      ...[jobId, attempt, path, sizeBytes, sha256],
    );
  }
  insertTestFailures(db, changes.testFailures);
  insertEvents(db, changes.events);
}

export function insertJob(db: SqliteConnection, job: JobRecord, tags: readonly string[]): void {
  db.run(
    `INSERT INTO jobs (id, run_id, name, position, state, allowed, failure_reason, exit_code, attempt, retries_used,
       cancel_requested, created_at, queued_at, started_at, finished_at, tags, priority,
       not_before, resource_key)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)`,
    ...[job.id, job.runId, job.name, job.index, job.state, Number(job.allowed), job.failureReason],
    ...[job.exitCode, job.attempt, job.retriesUsed, Number(job.cancelRequested)],
    ...[job.createdAt, job.queuedAt, job.startedAt, job.finishedAt, tagsText(tags), job.priority],
    ...[job.notBefore, job.resourceKey],
  );
}

export function insertEvents(db: SqliteConnection, events: NewRunEvent[]): void {
  for (const { runId, at, type, job, attempt, data } of events) {
    db.run(
      "INSERT INTO events (run_id, at, type, job, attempt, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      ...[runId, at, type, job, attempt, JSON.stringify(data)],
    );
  }
}

function updateRun(db: SqliteConnection, run: RunRecord): void {
  db.runGuarded(
    `UPDATE runs SET status = ?2, warnings = ?3, cancel_requested_at = ?4, stop_requested_at = ?5, started_at = ?6,
       finished_at = ?7, owner = ?8, busy_ms = ?9, busy_since = ?10
     WHERE id = ?1`,
    ...[run.id, run.status, Number(run.warnings), run.cancelRequestedAt, run.stopRequestedAt],
    ...[run.startedAt, run.finishedAt, run.owner && JSON.stringify(run.owner)],
    ...[run.busyMs, run.busySince],
  );
}

function updateJob(db: SqliteConnection, before: JobRecord, job: JobRecord): void {
  db.runGuarded(
    `UPDATE jobs SET state = ?4, allowed = ?5, failure_reason = ?6, exit_code = ?7, retries_used = ?8,
       cancel_requested = ?9, queued_at = ?10, started_at = ?11, finished_at = ?12,
       not_before = ?13
     WHERE id = ?1 AND state = ?2 AND attempt = ?3`,
    ...[job.id, before.state, before.attempt, job.state, Number(job.allowed), job.failureReason],
    ...[job.exitCode, job.retriesUsed, Number(job.cancelRequested)],
    ...[job.queuedAt, job.startedAt, job.finishedAt, job.notBefore],
  );
}

function updateAttempt(db: SqliteConnection, before: AttemptRecord, attempt: AttemptRecord): void {
  db.runGuarded(
    `UPDATE attempts SET container_name = ?5, started_at = ?6, finished_at = ?7, outcome = ?8, exit_code = ?9,
       failure_reason = ?10, message = ?11, log_bytes = ?12, log_sha256 = ?13, artifact_layer = ?14,
       results = ?15
     WHERE job_id = ?1 AND number = ?2 AND lease_token = ?3 AND lease_until = ?4 AND outcome IS NULL`,
    ...[attempt.jobId, attempt.number, attempt.leaseToken, before.leaseUntil],
    ...[attempt.containerName, attempt.startedAt, attempt.finishedAt, attempt.outcome, attempt.exitCode],
    ...[attempt.failureReason, attempt.message, attempt.logBytes, attempt.logSha256, attempt.artifactLayer],
    packResults(attempt),
  );
}

function insertTestFailures(db: SqliteConnection, failures: RunChanges["testFailures"]): void {
  for (const [position, failure] of failures.entries()) {
    const { jobId, attempt, suite, className, name, file, line, kind, message, detail } = failure;
    db.runGuarded(
      `INSERT INTO test_failures (attempt_id, position, suite, class_name, name, file, line, kind, message, detail)
       SELECT id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM attempts WHERE job_id = ?1 AND number = ?2`,
      ...[jobId, attempt, position, suite, className, name, file, line, kind, message, detail],
    );
  }
}
