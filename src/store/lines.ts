import type { Plan } from "../plan/plan.ts";
import type { RunSource } from "../run/records.ts";
import type { JobLine, RunLine } from "../run/store.ts";
import type { StoredPlan } from "./stored-plan.ts";

/**
 * What lists of thousands are made of. Like `columns.ts` the same for SQLite and PostgreSQL; what costs anything per row is
 * done once per different value.
 */
export const RUN_LINE_COLUMNS = `
  runs.number, runs.status, runs.warnings, runs.branch, runs.commit_sha AS "commit", runs.dirty,
  runs.created_at AS "createdAt", runs.started_at AS "startedAt", runs.busy_ms AS "busyMs",
  runs.busy_since AS "busySince"`;

export const JOB_LINE_COLUMNS = `
  runs.number, runs.mode, runs.executor, runs.plan_hash AS "plan", jobs.position AS "index", jobs.state, jobs.allowed,
  jobs.failure_reason AS "failureReason", jobs.exit_code AS "exitCode", jobs.attempt,
  jobs.cancel_requested AS "cancelRequested", jobs.started_at AS "startedAt", jobs.finished_at AS "finishedAt"`;

/** `dirty` is JSON text. */
export type RunLineRow = Omit<RunLine, "warnings" | "dirty"> & {
  warnings: number | boolean;
  dirty: string | null;
};

/** `plan` is its hash. */
export type JobLineRow = Omit<JobLine, "allowed" | "cancelRequested" | "plan"> & {
  allowed: number | boolean;
  cancelRequested: number | boolean;
  plan: string;
};

export function runLines(rows: RunLineRow[]): RunLine[] {
  const known = new Map<string | null, boolean>([[null, false]]);
  return rows.map((row) => {
    let dirty = known.get(row.dirty);
    if (dirty === undefined) {
      dirty = isDirty(JSON.parse(row.dirty!) as RunSource["dirty"]);
      known.set(row.dirty, dirty);
    }
    return {
      number: row.number,
      status: row.status,
      warnings: Boolean(row.warnings),
      branch: row.branch,
      commit: row.commit,
      dirty,
      createdAt: row.createdAt,
      startedAt: row.startedAt,
      busyMs: row.busyMs,
      busySince: row.busySince,
    };
  });
}

/** Rows of other jobs are left out: positions differ from plan to plan. */
export function jobLines(
  rows: JobLineRow[],
  stored: StoredPlan[],
  of: { stage: string; job?: string },
): JobLine[] {
  const plans = new Map(
    stored.map(({ hash, plan }) => [hash, { plan, positions: new Set(positionsOf(plan, of)) }]),
  );
  const lines: JobLine[] = [];
  for (const row of rows) {
    const { plan, positions } = plans.get(row.plan)!;
    if (!positions.has(row.index)) continue;
    lines.push({
      number: row.number,
      mode: row.mode,
      executor: row.executor,
      plan,
      index: row.index,
      state: row.state,
      allowed: Boolean(row.allowed),
      failureReason: row.failureReason,
      exitCode: row.exitCode,
      attempt: row.attempt,
      cancelRequested: Boolean(row.cancelRequested),
      startedAt: row.startedAt,
      finishedAt: row.finishedAt,
    });
  }
  return lines;
}

/** Indexes into `plan.jobs`, rising. */
export function positionsOf(plan: Plan, of: { stage: string; job?: string }): number[] {
  return plan.jobs.flatMap(({ stage, name }, index) =>
    stage === of.stage && (of.job === undefined || name === of.job) ? [index] : [],
  );
}

export function isDirty(dirty: RunSource["dirty"]): boolean {
  return dirty !== null && dirty.modified + dirty.untracked > 0;
}
