import type { App, ExecutorKind } from "./app.ts";
import type { QueueObserver } from "./queue-event.ts";

export interface QueueWorkOptions {
  /** Of the program, for the list of workers. */
  version: string;
  /** The worker's name for people, unique on this host: `config.team.workerName`. */
  title: string;
  labels: string[];
  executor: ExecutorKind;
  /** How many jobs at a time. */
  slots: number;
  graceMs: number;
  logLimitBytes: number;
  /** How long a draining worker waits for what runs before it hands over; null: until it is done. */
  drainTimeoutMs: number | null;
  /** Ends the waiting at once. */
  handOver: AbortSignal;
  observe: QueueObserver;
}

/**
 * Works on the queue of the app's database: runs jobs, deals with attempts whose lease ran out, removes what dead ones left
 * on this host, and keeps the worker's row in the registry. A database that goes away does not end it. Aborting `signal` drains
 * it: no new work, then what still runs after `drainTimeoutMs` is handed over, that is, goes on without this process until
 * the next one of the same title on this host adopts it. Throws WORKER_RUNNING, DOCKER_UNREACHABLE and what opening the
 * database throws, before any work.
 */
export async function workQueue(_app: App, _options: QueueWorkOptions, _signal: AbortSignal): Promise<void> {
  await Promise.reject(new Error("not joined yet"));
}
