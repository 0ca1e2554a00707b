import { planPriorities } from "../../plan/priorities.ts";
import { newJobs, newRunRecord } from "../../run/new-rows.ts";
import type { RunRecord, RunSource } from "../../run/records.ts";
import { RunState } from "../../run/run-state.ts";
import type { NewRun } from "../../run/store.ts";
import { settleNewRun } from "../../run/transitions.ts";
import { earlierJobsSql, expectedDurations } from "../expected-durations.ts";
import { FIRST_VERSION } from "../state-cache.ts";
import type { StoredPlan } from "../stored-plan.ts";
import { insertEvents, insertJob } from "./run-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/**
 * Inside a write transaction: the run with its number, its settled jobs and first events; or the id of the one that is there
 * already.
 */
export function createRun(db: SqliteConnection, input: NewRun, stored: StoredPlan): RunState | string {
  const existing = findExisting(db, input);
  if (existing !== undefined) return existing;
  const now = db.now();
  const repositoryId = keepRepository(db, input.source.repo);
  const { pipelineId, number } = takeNumber(db, repositoryId, input.pipeline);
  const run = newRunRecord({ ...input, plan: stored.plan }, number, now);
  const priorities = planPriorities(stored.plan, readExpected(db, pipelineId));
  const state = new RunState(run, newJobs(run, priorities, now), new Map());
  const changes = settleNewRun(state, now);
  state.apply(changes);
  db.run("INSERT INTO plans (hash, plan) VALUES (?1, ?2) ON CONFLICT DO NOTHING", stored.hash, stored.text);
  insertRun(db, state.run, { repositoryId, pipelineId, planHash: stored.hash });
  for (const job of state.jobs) insertJob(db, job, stored.plan.jobs[job.index]!.tags);
  insertEvents(db, changes.events);
  return state;
}

function readExpected(db: SqliteConnection, pipelineId: number): Map<string, number> {
  return expectedDurations(db.all<{ name: string; ms: number }>(earlierJobsSql("?1"), pipelineId));
}

function findExisting(db: SqliteConnection, { id, delivery, pipeline, source }: NewRun): string | undefined {
  return db.get<{ id: string }>(
    `SELECT id FROM runs WHERE id = ?1
     UNION ALL
     SELECT runs.id FROM repositories
     JOIN pipelines ON pipelines.repository_id = repositories.id
     JOIN runs ON runs.pipeline_id = pipelines.id
     WHERE repositories.key = ?2 AND pipelines.name = ?3 AND runs.delivery = ?4`,
    ...[id, source.repo.key, pipeline, delivery],
  )?.id;
}

function keepRepository(db: SqliteConnection, repo: RunSource["repo"]): number {
  return db.get<{ id: number }>(
    `INSERT INTO repositories (key, name) VALUES (?1, ?2)
     ON CONFLICT (key) DO UPDATE SET name = excluded.name RETURNING id`,
    ...[repo.key, repo.name],
  )!.id;
}

function takeNumber(
  db: SqliteConnection,
  repositoryId: number,
  name: string,
): { pipelineId: number; number: number } {
  return db.get<{ pipelineId: number; number: number }>(
    `INSERT INTO pipelines (repository_id, name, last_number) VALUES (?1, ?2, 1)
     ON CONFLICT (repository_id, name) DO UPDATE SET last_number = last_number + 1
     RETURNING id AS pipelineId, last_number AS number`,
    ...[repositoryId, name],
  )!;
}

function insertRun(
  db: SqliteConnection,
  run: RunRecord,
  of: { repositoryId: number; pipelineId: number; planHash: string },
): void {
  const { source } = run;
  db.run(
    `INSERT INTO runs (id, repository_id, pipeline_id, number, branch, tag, commit_sha, commit_message, tree, dirty,
       trigger_kind, mode, executor, owner, plan_hash, overrides, delivery, after_run, status, warnings, cancel_requested_at,
       stop_requested_at, created_at, started_at, finished_at, version, parent_run,
       parent_job)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26,
       ?27, ?28)`,
    ...[run.id, of.repositoryId, of.pipelineId, run.number],
    ...[source.branch, source.tag, source.commit, source.commitMessage, source.tree],
    ...[source.dirty && JSON.stringify(source.dirty), run.trigger, run.mode, run.executor],
    ...[run.owner && JSON.stringify(run.owner), of.planHash, JSON.stringify(run.overrides)],
    ...[run.delivery, run.after],
    ...[run.status, Number(run.warnings), run.cancelRequestedAt, run.stopRequestedAt],
    ...[run.createdAt, run.startedAt, run.finishedAt, FIRST_VERSION],
    ...[run.parent?.runId ?? null, run.parent?.jobId ?? null],
  );
}
