export const STORED_RUNS = 10_000;

/** What a database must be able to do to be filled. */
export interface FillableDatabase {
  /** Names of the columns of a table, in order. */
  columnsOf(table: string): Promise<string[]>;
  execute(sql: string): Promise<void>;
}

/** Tables whose rows belong to a run, parents first, and whether the database numbers their rows itself. */
const TABLES = [
  { name: "runs", isNumbered: false, ofRun: "id" },
  { name: "jobs", isNumbered: false, ofRun: "run_id" },
  { name: "attempts", isNumbered: true, ofRun: "run_id" },
  { name: "events", isNumbered: true, ofRun: "run_id" },
] as const;

/** Columns that hold the run's id, alone or as a beginning. */
const WITH_RUN_ID: ReadonlySet<string> = new Set(["id", "run_id", "job_id"]);

/**
 * Copies the run number 1 of the only pipeline until there are `STORED_RUNS`, each a minute older than the next. Going through
 * every state, as real ones do, would take minutes. `runId` is of letters, digits and dashes.
 */
export async function multiplyRun(database: FillableDatabase, runId: string): Promise<void> {
  for (const { name, isNumbered, ofRun } of TABLES) {
    const columns = (await database.columnsOf(name)).filter((column) => !(isNumbered && column === "id"));
    const copied = columns.map((column) => copyOf(name, column, runId));
    await database.execute(
      `WITH RECURSIVE copies (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM copies WHERE n < ${STORED_RUNS})
       INSERT INTO ${name} (${columns.join(", ")})
       SELECT ${copied.join(", ")} FROM copies CROSS JOIN ${name} WHERE ${name}.${ofRun} = '${runId}'`,
    );
  }
  await database.execute(`UPDATE pipelines SET last_number = ${STORED_RUNS}`);
  // What the database's own maintenance would have seen by then.
  await database.execute("ANALYZE");
}

function copyOf(table: string, column: string, runId: string): string {
  if (WITH_RUN_ID.has(column)) return `replace(${table}.${column}, '${runId}', '${runId}x' || n)`;
  if (table === "runs" && column === "number") return "n";
  if (table === "runs" && column === "created_at") return `${table}.created_at + n * 60000`;
  return `${table}.${column}`;
}
