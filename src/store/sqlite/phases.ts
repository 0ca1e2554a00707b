import type { RecordedPhases } from "../../run/phases.ts";
import { PHASE_COLUMNS, type PhaseRow, packSpans, recordedPhases } from "../phase-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** Inside a write transaction. Of a run that is gone nothing is kept. */
export function insertPhases(db: SqliteConnection, { runId, jobId, attempt, spans }: RecordedPhases): void {
  db.run(
    `INSERT INTO phases (run_id, job_id, attempt, spans)
     SELECT id, ?2, ?3, ?4 FROM runs WHERE id = ?1`,
    ...[runId, jobId, attempt, packSpans(spans)],
  );
}

export function readPhases(db: SqliteConnection, runId: string): RecordedPhases[] {
  const sql = `SELECT ${PHASE_COLUMNS} FROM phases WHERE run_id = ?1 ORDER BY id`;
  return db.all<PhaseRow>(sql, runId).map(recordedPhases);
}
