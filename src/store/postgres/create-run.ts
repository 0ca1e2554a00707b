import { planPriorities } from "../../plan/priorities.ts";
import { newJobs, newRunRecord } from "../../run/new-rows.ts";
import type { RunRecord, RunSource } from "../../run/records.ts";
import { RunState } from "../../run/run-state.ts";
import type { NewRun } from "../../run/store.ts";
import { settleNewRun } from "../../run/transitions.ts";
import { earlierJobsSql, expectedDurations } from "../expected-durations.ts";
import { FIRST_VERSION } from "../state-cache.ts";
import type { StoredPlan } from "../stored-plan.ts";
import { NOW, type Session } from "./postgres-connection.ts";
import { insertEvents, insertJobs } from "./run-rows.ts";

/**
 * Inside a transaction: the run with its number, its settled jobs and first events; or the id of the one that is there
 * already.
 */
export async function createRun(db: Session, input: NewRun, stored: StoredPlan): Promise<RunState | string> {
  const repositoryId = await keepRepository(db, input.source.repo);
  const pipelineId = await lockPipeline(db, repositoryId, input.pipeline);
  const existing = await findExisting(db, pipelineId, input);
  if (existing !== undefined) return existing;
  const [{ number, now }, expected] = await Promise.all([
    takeNumber(db, pipelineId),
    readExpected(db, pipelineId),
  ]);
  const run = newRunRecord({ ...input, plan: stored.plan }, number, now);
  const priorities = planPriorities(stored.plan, expected);
  const state = new RunState(run, newJobs(run, priorities, now), new Map());
  const changes = settleNewRun(state, now);
  state.apply(changes);
  await Promise.all([
    keepPlan(db, stored),
    insertRun(db, state.run, { repositoryId, pipelineId, planHash: stored.hash }),
    insertJobs(db, state.jobs, stored.plan),
    insertEvents(db, changes.events),
  ]);
  return state;
}

async function keepRepository(db: Session, repo: RunSource["repo"]): Promise<number> {
  const row = await db.get<{ id: number }>(
    `INSERT INTO repositories (key, name) VALUES ($1, $2)
     ON CONFLICT (key) DO UPDATE SET name = excluded.name RETURNING id`,
    ...[repo.key, repo.name],
  );
  return row!.id;
}

/** Holds the pipeline's row until the end of the transaction: numbers follow each other in the order of creation. */
async function lockPipeline(db: Session, repositoryId: number, name: string): Promise<number> {
  const row = await db.get<{ id: number }>(
    `INSERT INTO pipelines (repository_id, name, last_number) VALUES ($1, $2, 0)
     ON CONFLICT (repository_id, name) DO UPDATE SET last_number = pipelines.last_number RETURNING id`,
    ...[repositoryId, name],
  );
  return row!.id;
}

/** Looked up under the pipeline's lock: whoever creates the same run is done, or has not begun. */
async function findExisting(
  db: Session,
  pipelineId: number,
  { id, delivery }: NewRun,
): Promise<string | undefined> {
  const row = await db.get<{ id: string }>(
    `SELECT id FROM runs WHERE id = $1
     UNION ALL
     SELECT id FROM runs WHERE pipeline_id = $2 AND delivery = $3
     LIMIT 1`,
    ...[id, pipelineId, delivery],
  );
  return row?.id;
}

async function readExpected(db: Session, pipelineId: number): Promise<Map<string, number>> {
  return expectedDurations(await db.all<{ name: string; ms: number }>(earlierJobsSql("$1"), pipelineId));
}

async function takeNumber(db: Session, pipelineId: number): Promise<{ number: number; now: number }> {
  const row = await db.get<{ number: number; now: number }>(
    `UPDATE pipelines SET last_number = last_number + 1 WHERE id = $1
     RETURNING last_number AS number, ${NOW} AS now`,
    pipelineId,
  );
  return row!;
}

async function keepPlan(db: Session, stored: StoredPlan): Promise<void> {
  await db.run(
    "INSERT INTO plans (hash, plan) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    ...[stored.hash, stored.text],
  );
}

async function insertRun(
  db: Session,
  run: RunRecord,
  of: { repositoryId: number; pipelineId: number; planHash: string },
): Promise<void> {
  const { source } = run;
  await db.run(
    `INSERT INTO runs (id, repository_id, pipeline_id, number, branch, tag, commit_sha, commit_message, tree, dirty,
       trigger_kind, mode, executor, owner, plan_hash, overrides, delivery, after_run, status, warnings, cancel_requested_at,
       stop_requested_at, created_at, started_at, finished_at, version, parent_run,
       parent_job)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
       $24, $25, $26, $27, $28)`,
    ...[run.id, of.repositoryId, of.pipelineId, run.number],
    ...[source.branch, source.tag, source.commit, source.commitMessage, source.tree],
    ...[source.dirty && JSON.stringify(source.dirty), run.trigger, run.mode, run.executor],
    ...[run.owner && JSON.stringify(run.owner), of.planHash, JSON.stringify(run.overrides)],
    ...[run.delivery, run.after],
    ...[run.status, run.warnings, run.cancelRequestedAt, run.stopRequestedAt],
    ...[run.createdAt, run.startedAt, run.finishedAt, FIRST_VERSION],
    ...[run.parent?.runId ?? null, run.parent?.jobId ?? null],
  );
}
