import type { ScheduleRecord, ScheduleRegistry } from "../../run/registry.ts";
import { type NewSchedule, planSchedules, SCHEDULE_COLUMNS } from "../registry-rows.ts";
import { NOW, type PostgresConnection, type Session } from "./postgres-connection.ts";

export function createScheduleRegistry(db: PostgresConnection): ScheduleRegistry {
  return {
    replaceSchedules: (repositoryId, schedules) =>
      db.write((session) => replaceSchedules(session, repositoryId, schedules), "any"),
    listSchedules: () =>
      db.read((session) =>
        session.all<ScheduleRecord>(
          `SELECT ${SCHEDULE_COLUMNS} FROM schedules ORDER BY repository_id, pipeline, cron, id`,
        ),
      ),
    findDueSchedules: () =>
      db.read(async (session) => {
        const { now } = (await session.get<{ now: number }>(`SELECT ${NOW} AS now`))!;
        const due = await session.all<ScheduleRecord>(
          `SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE next_at <= $1 ORDER BY next_at, id`,
          now,
        );
        return { due, now };
      }),
    moveSchedule: async (id, from, to) => {
      const sql = "UPDATE schedules SET next_at = $3 WHERE id = $1 AND next_at = $2";
      return (await db.writeOne((session) => session.run(sql, id, from, to), "refused")) > 0;
    },
  };
}

/** Under the repository's lock: several servers may read its schedules at the same time. */
async function replaceSchedules(
  session: Session,
  repositoryId: string,
  schedules: NewSchedule[],
): Promise<void> {
  const lock = "SELECT 1 FROM served_repositories WHERE id = $1 FOR NO KEY UPDATE";
  if ((await session.get(lock, repositoryId)) === undefined) return;
  const there = await session.all<ScheduleRecord>(
    `SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE repository_id = $1 ORDER BY id`,
    repositoryId,
  );
  const { removed, added } = planSchedules(there, schedules);
  for (const id of removed) await session.run("DELETE FROM schedules WHERE id = $1", id);
  for (const { id, pipeline, cron, timezone, branch, nextAt } of added) {
    await session.run(
      `INSERT INTO schedules (id, repository_id, pipeline, cron, timezone, branch, next_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      ...[id, repositoryId, pipeline, cron, timezone, branch, nextAt],
    );
  }
}
