import type { ArtifactRecord, AttemptRecord, RunEvent, RunRecord } from "../../run/records.ts";
import type { JobLine, RecordedTestFailure, RunDetail, RunFilter, RunLine } from "../../run/store.ts";
import { type AttemptRow, attemptRecord } from "../attempt-row.ts";
import {
  ARTIFACT_COLUMNS,
  ATTEMPT_COLUMNS,
  EVENT_COLUMNS,
  JOB_COLUMNS,
  RUN_COLUMNS,
  RUN_TABLES,
  TEST_FAILURE_COLUMNS,
} from "../columns.ts";
import {
  JOB_LINE_COLUMNS,
  type JobLineRow,
  jobLines,
  positionsOf,
  RUN_LINE_COLUMNS,
  type RunLineRow,
  runLines,
} from "../lines.ts";
import { groupDetails } from "../run-details.ts";
import { selectRuns } from "../run-filter.ts";
import { type RunRow, runRecord } from "../run-row.ts";
import { type PlanCache, StoredPlan } from "../stored-plan.ts";
import { jobRecord } from "./run-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

type JobRow = Parameters<typeof jobRecord>[0];

export function readRunRow(db: SqliteConnection, runId: string): RunRow | undefined {
  return db.get<RunRow>(`SELECT ${RUN_COLUMNS} FROM ${RUN_TABLES} WHERE runs.id = ?1`, runId);
}

export function recordOf(db: SqliteConnection, plans: PlanCache, row: RunRow): RunRecord {
  return runRecord(row, readPlan(db, plans, row.planHash));
}

export function findRuns(db: SqliteConnection, plans: PlanCache, filter: RunFilter): RunRecord[] {
  const selection = selectRuns(filter, (n) => `?${n}`);
  const rows = db.all<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM ${RUN_TABLES} ${selection.sql}`,
    ...selection.values,
  );
  return toRecords(db, plans, rows);
}

/** The jobs, attempts and artifacts of `runs`, in one statement each. */
export function readDetails(db: SqliteConnection, runs: RunRecord[]): RunDetail[] {
  const ids = JSON.stringify(runs.map((run) => run.id));
  const ofRuns = "jobs.run_id IN (SELECT value FROM json_each(?1))";
  const jobs = db.all<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM jobs WHERE ${ofRuns} ORDER BY jobs.run_id, jobs.position`,
    ids,
  );
  const attempts = db.all<AttemptRow>(
    `SELECT ${ATTEMPT_COLUMNS} FROM jobs JOIN attempts ON attempts.job_id = jobs.id
     WHERE ${ofRuns} ORDER BY jobs.run_id, jobs.position, attempts.number`,
    ids,
  );
  const artifacts = db.all<ArtifactRecord & { jobId: string; attempt: number; runId: string }>(
    `SELECT ${ARTIFACT_COLUMNS} FROM artifacts
     JOIN attempts ON attempts.id = artifacts.attempt_id
     JOIN jobs ON jobs.id = attempts.job_id
     WHERE ${ofRuns} ORDER BY artifacts.path, jobs.position, attempts.number`,
    ids,
  );
  return groupDetails(runs, { jobs: jobs.map(jobRecord), attempts: attempts.map(attemptRecord), artifacts });
}

export function findRunLines(db: SqliteConnection, filter: RunFilter): RunLine[] {
  const { sql, values } = selectRuns(filter, (n) => `?${n}`);
  return runLines(db.all<RunLineRow>(`SELECT ${RUN_LINE_COLUMNS} FROM runs ${sql}`, ...values));
}

export function findJobLines(
  db: SqliteConnection,
  plans: PlanCache,
  filter: RunFilter,
  of: { stage: string; job?: string },
): JobLine[] {
  const { sql, values } = selectRuns(filter, (n) => `?${n}`);
  const hashes = db.all<{ hash: string }>(
    `SELECT DISTINCT plan_hash AS hash FROM (SELECT plan_hash FROM runs ${sql})`,
    ...values,
  );
  const order = filter.oldestFirst === true ? "ASC" : "DESC";
  const stored = hashes.map(({ hash }) => readPlan(db, plans, hash));
  const wanted = new Set(stored.flatMap(({ plan }) => positionsOf(plan, of)));
  const rows = db.all<JobLineRow>(
    `SELECT ${JOB_LINE_COLUMNS}
     FROM (SELECT * FROM runs ${sql}) AS runs
     CROSS JOIN jobs ON jobs.run_id = runs.id
       AND jobs.position IN (SELECT value FROM json_each(?${values.length + 1}))
     ORDER BY runs.created_at ${order}, runs.id ${order}, jobs.position`,
    ...values,
    JSON.stringify([...wanted]),
  );
  return jobLines(rows, stored, of);
}

/** The newest ones, by job name. */
export function readAttemptsOfJobs(
  db: SqliteConnection,
  runId: string,
  names: readonly string[],
): Map<string, AttemptRecord> {
  const rows = db.all<AttemptRow & { name: string }>(
    `SELECT jobs.name, ${ATTEMPT_COLUMNS}
     FROM jobs JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
     WHERE jobs.run_id = ?1 AND jobs.name IN (SELECT value FROM json_each(?2))`,
    ...[runId, JSON.stringify(names)],
  );
  return new Map(rows.map(({ name, ...row }) => [name, attemptRecord(row)]));
}

export function readTestFailures(db: SqliteConnection, runIds: readonly string[]): RecordedTestFailure[] {
  return db.all(
    `SELECT ${TEST_FAILURE_COLUMNS}
     FROM json_each(?1) AS wanted
     CROSS JOIN jobs ON jobs.run_id = wanted.value
     CROSS JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
     CROSS JOIN test_failures ON test_failures.attempt_id = attempts.id
     ORDER BY jobs.run_id, jobs.position, test_failures.position`,
    JSON.stringify(runIds),
  );
}

export function listPipelines(db: SqliteConnection, repoKey: string): { name: string; runs: number }[] {
  return db.all(
    `SELECT pipelines.name, count(*) AS runs
     FROM repositories
     JOIN pipelines ON pipelines.repository_id = repositories.id
     JOIN runs ON runs.pipeline_id = pipelines.id
     WHERE repositories.key = ?1
     GROUP BY pipelines.id ORDER BY pipelines.name`,
    repoKey,
  );
}

export function readEvents(db: SqliteConnection, runId: string, afterId: number, limit: number): RunEvent[] {
  const rows = db.all<Omit<RunEvent, "data"> & { data: string }>(
    `SELECT ${EVENT_COLUMNS} FROM events WHERE run_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3`,
    ...[runId, afterId, limit],
  );
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as Record<string, unknown> }));
}

function toRecords(db: SqliteConnection, plans: PlanCache, rows: RunRow[]): RunRecord[] {
  const stored = new Map<string, StoredPlan>();
  for (const { planHash } of rows) {
    if (!stored.has(planHash)) stored.set(planHash, readPlan(db, plans, planHash));
  }
  return rows.map((row) => runRecord(row, stored.get(row.planHash)!));
}

function readPlan(db: SqliteConnection, plans: PlanCache, hash: string): StoredPlan {
  const known = plans.get(hash);
  if (known !== undefined) return known;
  const { plan } = db.get<{ plan: string }>("SELECT plan FROM plans WHERE hash = ?1", hash)!;
  const stored = new StoredPlan(hash, plan);
  plans.add(stored);
  return stored;
}
