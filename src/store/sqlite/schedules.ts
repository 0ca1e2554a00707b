import type { ScheduleRecord, ScheduleRegistry } from "../../run/registry.ts";
import { type NewSchedule, planSchedules, SCHEDULE_COLUMNS } from "../registry-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export function createScheduleRegistry(db: SqliteConnection): ScheduleRegistry {
  return {
    replaceSchedules: (repositoryId, schedules) =>
      db.write("normal", () => replaceSchedules(db, repositoryId, schedules)),
    listSchedules: () =>
      db.read(() =>
        db.all<ScheduleRecord>(
          `SELECT ${SCHEDULE_COLUMNS} FROM schedules ORDER BY repository_id, pipeline, cron, id`,
        ),
      ),
    findDueSchedules: () =>
      db.read(() => {
        const now = db.now();
        const due = db.all<ScheduleRecord>(
          `SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE next_at <= ?1 ORDER BY next_at, id`,
          now,
        );
        return { due, now };
      }),
    moveSchedule: (id, from, to) =>
      db.write("normal", () => {
        const sql = "UPDATE schedules SET next_at = ?3 WHERE id = ?1 AND next_at = ?2";
        return db.run(sql, id, from, to) > 0;
      }),
  };
}

function replaceSchedules(db: SqliteConnection, repositoryId: string, schedules: NewSchedule[]): void {
  if (db.get("SELECT 1 FROM served_repositories WHERE id = ?1", repositoryId) === undefined) return;
  const there = db.all<ScheduleRecord>(
    `SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE repository_id = ?1 ORDER BY id`,
    repositoryId,
  );
  const { removed, added } = planSchedules(there, schedules);
  for (const id of removed) db.run("DELETE FROM schedules WHERE id = ?1", id);
  for (const { id, pipeline, cron, timezone, branch, nextAt } of added) {
    db.run(
      `INSERT INTO schedules (id, repository_id, pipeline, cron, timezone, branch, next_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
      ...[id, repositoryId, pipeline, cron, timezone, branch, nextAt],
    );
  }
}
