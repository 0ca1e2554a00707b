import type { WorkerRegistry } from "../../run/registry.ts";
import { FORGET_WORKER_MS, WORKER_COLUMNS, type WorkerRow, workerRecord } from "../registry-rows.ts";
import { NOW, type PostgresConnection } from "./postgres-connection.ts";

export function createWorkerRegistry(db: PostgresConnection): WorkerRegistry {
  return {
    reportWorker: async (worker) => {
      const { name, title, version, executors, labels, slots, activeJobs, state, startedAt } = worker;
      await db.writeOne(
        (session) =>
          session.run(
            `INSERT INTO workers (name, title, version, executors, labels, slots, active_jobs, state, started_at, seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${NOW})
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, version = excluded.version,
               executors = excluded.executors, labels = excluded.labels, slots = excluded.slots,
               active_jobs = excluded.active_jobs, state = excluded.state, started_at = excluded.started_at,
               seen_at = excluded.seen_at`,
            ...[name, title, version, JSON.stringify(executors), JSON.stringify(labels)],
            ...[slots, activeJobs, state, startedAt],
          ),
        "any",
      );
      await db.writeOne((session) =>
        session.run(`DELETE FROM workers WHERE seen_at < ${NOW} - $1`, FORGET_WORKER_MS),
      );
    },
    listWorkers: async () => {
      const rows = await db.read((session) =>
        session.all<WorkerRow & { now: number }>(
          `SELECT ${WORKER_COLUMNS}, ${NOW} AS now FROM workers WHERE seen_at >= ${NOW} - $1 ORDER BY title, name`,
          FORGET_WORKER_MS,
        ),
      );
      return rows.map(({ now, ...row }) => workerRecord(row, now));
    },
  };
}
