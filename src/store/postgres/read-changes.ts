import type { AttemptRecord, JobRecord } from "../../run/records.ts";
import { type AttemptRow, attemptRecord } from "../attempt-row.ts";
import { ATTEMPT_COLUMNS, JOB_COLUMNS } from "../columns.ts";
import type { Session } from "./postgres-connection.ts";

const CHANGED = `(SELECT events.job FROM events WHERE events.run_id = $1 AND events.id > $2 AND events.job IS NOT NULL)`;

/**
 * The jobs of a run, with their newest attempts, that events after this one tell of; whatever changes a job or attempt tells it.
 * Undefined: something happened that changes jobs without an event of their own. To be called under the run's lock.
 */
export async function readChanges(
  db: Session,
  runId: string,
  afterEvent: number,
): Promise<{ jobs: JobRecord[]; attempts: AttemptRecord[]; lastEvent: number } | undefined> {
  const [news, jobs, attempts] = await Promise.all([
    db.get<{ lastEvent: number | null; isSweeping: boolean | null }>(
      `SELECT max(id) AS "lastEvent", bool_or(type IN ('run.reopened', 'run.cancel_requested')) AS "isSweeping"
       FROM events WHERE run_id = $1 AND id > $2`,
      ...[runId, afterEvent],
    ),
    db.all<JobRecord>(
      `SELECT ${JOB_COLUMNS} FROM jobs WHERE jobs.run_id = $1 AND jobs.name IN ${CHANGED}`,
      ...[runId, afterEvent],
    ),
    db.all<AttemptRow>(
      `SELECT ${ATTEMPT_COLUMNS}
       FROM jobs JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
       WHERE jobs.run_id = $1 AND jobs.name IN ${CHANGED}`,
      ...[runId, afterEvent],
    ),
  ]);
  if (news?.isSweeping === true) return undefined;
  return { jobs, attempts: attempts.map(attemptRecord), lastEvent: news?.lastEvent ?? afterEvent };
}

export async function readLastEvent(db: Session, runId: string): Promise<number> {
  const row = await db.get<{ lastEvent: number | null }>(
    `SELECT max(id) AS "lastEvent" FROM events WHERE run_id = $1`,
    runId,
  );
  return row?.lastEvent ?? 0;
}
