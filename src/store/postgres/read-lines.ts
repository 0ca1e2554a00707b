import type { JobLine, RunFilter, RunLine } from "../../run/store.ts";
import { type JobLineRow, jobLines, positionsOf, type RunLineRow, runLines } from "../lines.ts";
import { selectRuns } from "../run-filter.ts";
import type { PlanCache } from "../stored-plan.ts";
import type { Session } from "./postgres-connection.ts";
import { readPlans } from "./read-runs.ts";

/**
 * Each column comes as one text for all rows: the driver takes several times longer over as many values, and the database over
 * rows joined into lines. In a branch's name a unit separator stands for a tab; git allows neither.
 */
const RUN_LINES = `
  string_agg(number::text, ',') AS number, string_agg(status, ',') AS status,
  string_agg(warnings::int::text, ',') AS warnings, string_agg(created_at::text, ',') AS "createdAt",
  string_agg(coalesce(started_at::text, ''), ',') AS "startedAt", string_agg(busy_ms::text, ',') AS "busyMs",
  string_agg(coalesce(busy_since::text, ''), ',') AS "busySince",
  string_agg(coalesce(replace(branch, E'\\t', E'\\x1f'), ''), E'\\t') AS branch,
  string_agg(coalesce(commit_sha, ''), E'\\t') AS "commit", string_agg(coalesce(dirty, ''), E'\\t') AS dirty`;

export async function findRunLines(db: Session, filter: RunFilter): Promise<RunLine[]> {
  const { sql, values } = selectRuns(filter, (n) => `$${n}`);
  const found = await db.get<Record<keyof RunLineRow, string | null>>(
    `SELECT ${RUN_LINES} FROM (SELECT * FROM runs ${sql}) AS runs`,
    ...values,
  );
  if (found === undefined || found.number === null) return [];
  return runLines(toRunRows(found as Record<keyof RunLineRow, string>));
}

/** Rows come as one text, a line each, its cells between tabs; a cell is empty for null. */
export async function findJobLines(
  db: Session,
  plans: PlanCache,
  filter: RunFilter,
  of: { stage: string; job?: string },
): Promise<JobLine[]> {
  const { sql, values } = selectRuns(filter, (n) => `$${n}`);
  const hashes = await db.all<{ hash: string }>(
    `SELECT DISTINCT plan_hash AS hash FROM (SELECT plan_hash FROM runs ${sql}) AS runs`,
    ...values,
  );
  const order = filter.oldestFirst === true ? "ASC" : "DESC";
  const stored = [...(await readPlans(db, plans, new Set(hashes.map(({ hash }) => hash)))).values()];
  const wanted = new Set(stored.flatMap(({ plan }) => positionsOf(plan, of)));
  const found = await db.get<{ text: string | null }>(
    `SELECT string_agg(line, E'\\n') AS text FROM (
       SELECT concat_ws(E'\\t', runs.number, runs.mode, runs.executor, runs.plan_hash, jobs.position, jobs.state,
         jobs.allowed::int, coalesce(jobs.failure_reason, ''), coalesce(jobs.exit_code::text, ''), jobs.attempt,
         jobs.cancel_requested::int, coalesce(jobs.started_at::text, ''), coalesce(jobs.finished_at::text, '')) AS line
       FROM (SELECT * FROM runs ${sql}) AS runs
       JOIN jobs ON jobs.run_id = runs.id
       WHERE jobs.position = ANY ((SELECT array_agg(value::int)
         FROM json_array_elements_text($${values.length + 1}::text::json) AS wanted (value))::int[])
       ORDER BY runs.created_at ${order}, runs.id ${order}, jobs.position) AS lines`,
    ...values,
    JSON.stringify([...wanted]),
  );
  return jobLines(linesOf(found).map(toJobRow), stored, of);
}

function linesOf(found: { text: string | null } | undefined): string[] {
  const text = found?.text ?? "";
  return text === "" ? [] : text.split("\n");
}

function toRunRows(columns: Record<keyof RunLineRow, string>): RunLineRow[] {
  const status = columns.status.split(",");
  const warnings = columns.warnings.split(",");
  const createdAt = columns.createdAt.split(",");
  const startedAt = columns.startedAt.split(",");
  const busyMs = columns.busyMs.split(",");
  const busySince = columns.busySince.split(",");
  const branch = columns.branch.split("\t");
  const commit = columns.commit.split("\t");
  const dirty = columns.dirty.split("\t");
  return columns.number.split(",").map((number, row) => ({
    number: Number(number),
    status: status[row] as RunLineRow["status"],
    warnings: warnings[row] === "1",
    createdAt: Number(createdAt[row]),
    startedAt: numberOrNull(startedAt[row]!),
    busyMs: Number(busyMs[row]),
    busySince: numberOrNull(busySince[row]!),
    branch: branch[row]!.replaceAll("\x1f", "\t") || null,
    commit: commit[row] || null,
    dirty: dirty[row] || null,
  }));
}

function toJobRow(line: string): JobLineRow {
  const cells = line.split("\t");
  return {
    number: Number(cells[0]),
    mode: cells[1] as JobLineRow["mode"],
    executor: cells[2] as JobLineRow["executor"],
    plan: cells[3]!,
    index: Number(cells[4]),
    state: cells[5] as JobLineRow["state"],
    allowed: cells[6] === "1",
    failureReason: cells[7] === "" ? null : (cells[7] as JobLineRow["failureReason"]),
    exitCode: numberOrNull(cells[8]!),
    attempt: Number(cells[9]),
    cancelRequested: cells[10] === "1",
    startedAt: numberOrNull(cells[11]!),
    finishedAt: numberOrNull(cells[12]!),
  };
}

function numberOrNull(cell: string): number | null {
  return cell === "" ? null : Number(cell);
}
