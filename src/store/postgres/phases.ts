import type { RecordedPhases } from "../../run/phases.ts";
import { PHASE_COLUMNS, type PhaseRow, packSpans, recordedPhases } from "../phase-rows.ts";
import type { Session } from "./postgres-connection.ts";

/** Of a run that is gone nothing is kept. */
export async function insertPhases(
  db: Session,
  { runId, jobId, attempt, spans }: RecordedPhases,
): Promise<void> {
  await db.run(
    `INSERT INTO phases (run_id, job_id, attempt, spans)
     SELECT id, $2, $3, $4 FROM runs WHERE id = $1`,
    ...[runId, jobId, attempt, packSpans(spans)],
  );
}

export async function readPhases(db: Session, runId: string): Promise<RecordedPhases[]> {
  const sql = `SELECT ${PHASE_COLUMNS} FROM phases WHERE run_id = $1 ORDER BY id`;
  return (await db.all<PhaseRow>(sql, runId)).map(recordedPhases);
}
