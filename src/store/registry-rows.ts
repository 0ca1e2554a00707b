import type {
  RepositoryRecord,
  ScheduleRecord,
  SecretRecord,
  SecretRegistry,
  TokenRecord,
  WorkerRecord,
} from "../run/registry.ts";

/** The registry's rows under the names of its records' fields; the same for SQLite and PostgreSQL. */
export const TOKEN_COLUMNS = `
  id, name, role, hash, created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt"`;

export const WORKER_COLUMNS = `
  name, title, version, executors, labels, slots, active_jobs AS "activeJobs", state, started_at AS "startedAt",
  seen_at AS "seenAt"`;

export const REPOSITORY_COLUMNS = `
  id, key, name, url, default_branch AS "defaultBranch", webhook_secret AS "webhookSecret",
  created_at AS "createdAt"`;

export const SCHEDULE_COLUMNS = `
  id, repository_id AS "repositoryId", pipeline, cron, timezone, branch, next_at AS "nextAt"`;

/** A removed one has nothing in `sealed`. `now`: an expression for the time. */
export const secretColumns = (now: string): string => `
  repository_key AS "repositoryKey", name, nullif(sealed, '') AS "sealed", is_file AS "isFile",
  CASE WHEN former_until > ${now} THEN former END AS "former", created_at AS "createdAt", updated_at AS "updatedAt"`;

/** Truth values as numbers. */
export type SecretRow = Omit<SecretRecord, "isFile"> & { isFile: number };
export type NewSecret = Parameters<SecretRegistry["putSecret"]>[0];

/** Those that are shown: one that was removed is, for as long as what it was is. `now` as in `secretColumns`. */
export const knownSecrets = (now: string): string => `(sealed <> '' OR former_until > ${now})`;

export function secretRecord(row: SecretRow): SecretRecord {
  return { ...row, isFile: row.isFile !== 0 };
}

/** The lists as JSON text. */
export type WorkerRow = Omit<WorkerRecord, "executors" | "labels"> & { executors: string; labels: string };

export type NewToken = Omit<TokenRecord, "createdAt" | "revokedAt">;
export type NewRepository = Omit<RepositoryRecord, "createdAt">;
export type NewSchedule = Omit<ScheduleRecord, "repositoryId">;

/** A worker that was not seen for so long is forgotten. */
export const FORGET_WORKER_MS = 24 * 60 * 60 * 1000;

/** Workers report every 10 s: one that was not seen for so long has died without a word. */
export const SILENT_WORKER_MS = 30_000;

/** `now`: by the clock that `seenAt` is of. */
export function workerRecord(row: WorkerRow, now: number): WorkerRecord {
  return {
    ...row,
    state: now - row.seenAt > SILENT_WORKER_MS ? "stopped" : row.state,
    executors: JSON.parse(row.executors) as WorkerRecord["executors"],
    labels: JSON.parse(row.labels) as string[],
  };
}

/** What makes `wanted` of the schedules that are there: equal ones stay as they are, each once. */
export function planSchedules(
  there: readonly ScheduleRecord[],
  wanted: readonly NewSchedule[],
): { removed: string[]; added: NewSchedule[] } {
  const byText = new Map(wanted.map((schedule) => [textOf(schedule), schedule]));
  const removed = there.filter((schedule) => !byText.delete(textOf(schedule))).map(({ id }) => id);
  return { removed, added: [...byText.values()] };
}

function textOf({ pipeline, cron, timezone, branch }: NewSchedule): string {
  return JSON.stringify([pipeline, cron, timezone, branch]);
}
