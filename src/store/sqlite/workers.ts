import type { WorkerRegistry } from "../../run/registry.ts";
import { FORGET_WORKER_MS, WORKER_COLUMNS, type WorkerRow, workerRecord } from "../registry-rows.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export function createWorkerRegistry(db: SqliteConnection): WorkerRegistry {
  return {
    reportWorker: (worker) =>
      db.write("normal", () => {
        const { name, title, version, executors, labels, slots, activeJobs, state, startedAt } = worker;
        db.run(
          `INSERT INTO workers (name, title, version, executors, labels, slots, active_jobs, state, started_at, seen_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
           ON CONFLICT (name) DO UPDATE SET title = excluded.title, version = excluded.version,
             executors = excluded.executors, labels = excluded.labels, slots = excluded.slots,
             active_jobs = excluded.active_jobs, state = excluded.state, started_at = excluded.started_at,
             seen_at = excluded.seen_at`,
          ...[name, title, version, JSON.stringify(executors), JSON.stringify(labels)],
          ...[slots, activeJobs, state, startedAt, db.now()],
        );
        db.run("DELETE FROM workers WHERE seen_at < ?1", db.now() - FORGET_WORKER_MS);
      }),
    listWorkers: async () => {
      const rows = await db.read(() =>
        db.all<WorkerRow>(
          `SELECT ${WORKER_COLUMNS} FROM workers WHERE seen_at >= ?1 ORDER BY title, name`,
          db.now() - FORGET_WORKER_MS,
        ),
      );
      return rows.map((row) => workerRecord(row, db.now()));
    },
  };
}
