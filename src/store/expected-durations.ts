import { median } from "../plan/priorities.ts";

/** So many runs are looked at, at most; and of those that ended by themselves so many count. */
const LOOKED_AT = 50;
const COUNTED = 5;

/** Yields name and `ms` of what succeeded in the newest runs of the pipeline whose id `parameter` stands for. */
export function earlierJobsSql(parameter: string): string {
  return `SELECT jobs.name, jobs.finished_at - jobs.started_at AS ms
    FROM jobs WHERE jobs.state = 'success' AND jobs.started_at IS NOT NULL AND jobs.run_id IN (
      SELECT newest.id FROM (
        SELECT id, status, created_at FROM runs WHERE pipeline_id = ${parameter}
        ORDER BY created_at DESC, id DESC LIMIT ${LOOKED_AT}
      ) AS newest
      WHERE newest.status IN ('success', 'failed')
      ORDER BY newest.created_at DESC, newest.id DESC LIMIT ${COUNTED})`;
}

/** How long each job may be expected to take, by its name: the median of what is known. */
export function expectedDurations(rows: readonly { name: string; ms: number }[]): Map<string, number> {
  const expected = new Map<string, number>();
  for (const [name, known] of Map.groupBy(rows, (row) => row.name)) {
    const ms = median(known.map((row) => row.ms));
    if (ms !== undefined) expected.set(name, ms);
  }
  return expected;
}

/** The same choice of runs from a list, newest first. */
export function countedRuns<T>(newestFirst: readonly T[], statusOf: (run: T) => string): T[] {
  const ended = newestFirst
    .slice(0, LOOKED_AT)
    .filter((run) => statusOf(run) === "success" || statusOf(run) === "failed");
  return ended.slice(0, COUNTED);
}
