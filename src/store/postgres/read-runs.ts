import type { ArtifactRecord, AttemptRecord, JobRecord, RunEvent, RunRecord } from "../../run/records.ts";
import type { RecordedTestFailure, RunDetail, RunFilter } from "../../run/store.ts";
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
import { groupDetails } from "../run-details.ts";
import { selectRuns } from "../run-filter.ts";
import { type RunRow, runRecord } from "../run-row.ts";
import { type PlanCache, StoredPlan } from "../stored-plan.ts";
import { type Session, withoutNul } from "./postgres-connection.ts";

export function readRunRow(db: Session, runId: string): Promise<RunRow | undefined> {
  return db.get<RunRow>(`SELECT ${RUN_COLUMNS} FROM ${RUN_TABLES} WHERE runs.id = $1`, runId);
}

export async function findRuns(db: Session, plans: PlanCache, filter: RunFilter): Promise<RunRecord[]> {
  const selection = selectRuns(filter, (n) => `$${n}`);
  const sql = `SELECT ${RUN_COLUMNS} FROM ${RUN_TABLES} ${selection.sql}`;
  return toRecords(db, plans, await db.all<RunRow>(sql, ...selection.values));
}

/**
 * The jobs, attempts and artifacts of `runs`, in one statement each. `OFFSET 0` makes the planner look them up run by run, by
 * index: where it knows nothing of the tables yet it would read all of them.
 */
export async function readDetails(db: Session, runs: RunRecord[]): Promise<RunDetail[]> {
  const ids = JSON.stringify(runs.map((run) => run.id));
  const wanted = "json_array_elements_text($1::text::json) AS wanted (id)";
  const attemptsAndJobs = `CROSS JOIN LATERAL (SELECT * FROM attempts WHERE run_id = wanted.id OFFSET 0) AS attempts
    CROSS JOIN LATERAL (SELECT position FROM jobs WHERE id = attempts.job_id OFFSET 0) AS jobs`;
  const [jobs, attempts, artifacts] = await Promise.all([
    db.all<JobRecord>(
      `SELECT ${JOB_COLUMNS}
       FROM ${wanted} CROSS JOIN LATERAL (SELECT * FROM jobs WHERE run_id = wanted.id OFFSET 0) AS jobs
       ORDER BY jobs.run_id, jobs.position`,
      ids,
    ),
    db.all<AttemptRow>(
      `SELECT ${ATTEMPT_COLUMNS} FROM ${wanted} ${attemptsAndJobs}
       ORDER BY attempts.run_id, jobs.position, attempts.number`,
      ids,
    ),
    db.all<ArtifactRecord & { jobId: string; attempt: number; runId: string }>(
      `SELECT ${ARTIFACT_COLUMNS} FROM ${wanted} ${attemptsAndJobs}
       CROSS JOIN LATERAL (SELECT * FROM artifacts WHERE attempt_id = attempts.id OFFSET 0) AS artifacts
       ORDER BY artifacts.path, jobs.position, attempts.number`,
      ids,
    ),
  ]);
  return groupDetails(runs, { jobs, attempts: attempts.map(attemptRecord), artifacts });
}

/** The newest ones, by job name. */
export async function readAttemptsOfJobs(
  db: Session,
  runId: string,
  names: readonly string[],
): Promise<Map<string, AttemptRecord>> {
  const rows = await db.all<AttemptRow & { name: string }>(
    `SELECT jobs.name, ${ATTEMPT_COLUMNS}
     FROM jobs JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
     WHERE jobs.run_id = $1 AND jobs.name = ANY (ARRAY(SELECT json_array_elements_text($2::text::json)))`,
    ...[runId, JSON.stringify(names.map(withoutNul))],
  );
  return new Map(rows.map(({ name, ...row }) => [name, attemptRecord(row)]));
}

export function readTestFailures(db: Session, runIds: readonly string[]): Promise<RecordedTestFailure[]> {
  return db.all(
    `SELECT ${TEST_FAILURE_COLUMNS}
     FROM json_array_elements_text($1::text::json) AS wanted (id)
     CROSS JOIN LATERAL (SELECT * FROM jobs WHERE run_id = wanted.id OFFSET 0) AS jobs
     JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
     JOIN test_failures ON test_failures.attempt_id = attempts.id
     ORDER BY jobs.run_id, jobs.position, test_failures.position`,
    JSON.stringify(runIds),
  );
}

export function listPipelines(db: Session, repoKey: string): Promise<{ name: string; runs: number }[]> {
  return db.all(
    `SELECT pipelines.name, count(*) AS runs
     FROM repositories
     JOIN pipelines ON pipelines.repository_id = repositories.id
     JOIN runs ON runs.pipeline_id = pipelines.id
     WHERE repositories.key = $1
     GROUP BY pipelines.id ORDER BY pipelines.name`,
    repoKey,
  );
}

export async function readEvents(
  db: Session,
  runId: string,
  afterId: number,
  limit: number,
): Promise<RunEvent[]> {
  const rows = await db.all<Omit<RunEvent, "data"> & { data: string }>(
    `SELECT ${EVENT_COLUMNS} FROM events WHERE run_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    ...[runId, afterId, limit],
  );
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as Record<string, unknown> }));
}

export async function toRecords(db: Session, plans: PlanCache, rows: RunRow[]): Promise<RunRecord[]> {
  const stored = await readPlans(db, plans, new Set(rows.map((row) => row.planHash)));
  return rows.map((row) => runRecord(row, stored.get(row.planHash)!));
}

/** By hash. */
export async function readPlans(
  db: Session,
  plans: PlanCache,
  hashes: ReadonlySet<string>,
): Promise<Map<string, StoredPlan>> {
  const stored = new Map<string, StoredPlan>();
  const missing: string[] = [];
  for (const hash of hashes) {
    const known = plans.get(hash);
    if (known === undefined) missing.push(hash);
    else stored.set(hash, known);
  }
  if (missing.length === 0) return stored;
  const rows = await db.all<{ hash: string; plan: string }>(
    "SELECT hash, plan FROM plans WHERE hash IN (SELECT json_array_elements_text($1::text::json))",
    JSON.stringify(missing),
  );
  for (const { hash, plan } of rows) {
    const found = new StoredPlan(hash, plan);
    stored.set(hash, found);
    plans.add(found);
  }
  return stored;
}
