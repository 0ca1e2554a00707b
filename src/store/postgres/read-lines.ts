import type { JobLine, RunFilter, RunLine } from "../../run/store.ts";
import { type JobLineRow, jobLines, positionsOf, type RunLineRow, runLines } from "../lines.ts";
import { selectRuns } from "../run-filter.ts";
import type { PlanCache } from "../stored-plan.ts";
import type { Session } from "./postgres-connection.ts";
import { readPlans } from "./read-runs.ts";

/**
 * Rows come as one text, a line each, its cells between tabs: the driver takes several times longer over as many values. A
 * cell is empty for null; text that may hold anything is JSON, in which there is neither tab nor line feed.
 */
export async function findRunLines(db: Session, filter: RunFilter): Promise<RunLine[]> {
  const { sql, values } = selectRuns(filter, (n) => `$${n}`);
  const found = await db.get<{ text: string | null }>(
    `SELECT string_agg(concat_ws(E'\\t', number, status, warnings::int, created_at, coalesce(started_at::text, ''),
       busy_ms, coalesce(busy_since::text, ''), coalesce(to_json(branch)::text, ''),
       coalesce(to_json(commit_sha)::text, ''), dirty), E'\\n') AS text
     FROM (SELECT * FROM runs ${sql}) AS runs`,
    ...values,
  );
  return runLines(linesOf(found).map(toRunRow));
}

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

function toRunRow(line: string): RunLineRow {
  const cells = line.split("\t");
  return {
    number: Number(cells[0]),
    status: cells[1] as RunLineRow["status"],
    warnings: cells[2] === "1",
    createdAt: Number(cells[3]),
    startedAt: numberOrNull(cells[4]!),
    busyMs: Number(cells[5]),
    busySince: numberOrNull(cells[6]!),
    branch: textOrNull(cells[7]!),
    commit: textOrNull(cells[8]!),
    dirty: cells[9] ?? null,
  };
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

function textOrNull(cell: string): string | null {
  if (cell === "") return null;
  return cell.includes("\\") ? (JSON.parse(cell) as string) : cell.slice(1, -1);
}
