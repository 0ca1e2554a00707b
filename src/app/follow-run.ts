import { type RunEvent, TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { Store } from "../run/store.ts";
import { hintOrTimeout } from "./wait-for-hint.ts";

/**
 * What a follower of a run sees, in order per job. `bytes` are as stored: masked and sanitized. Who goes on from an item's
 * `cursor` sees everything after it, nothing twice.
 */
export type FollowItem = (
  | { kind: "event"; event: RunEvent }
  | { kind: "log"; job: string; attempt: number; offset: number; bytes: Uint8Array }
) & { cursor: FollowCursor };

/** The last event seen, and of each log that is being read how far. */
export interface FollowCursor {
  event: number;
  logs: { job: string; attempt: number; offset: number }[];
}

interface Cursor {
  job: string;
  jobId: string;
  attempt: number;
  offset: number;
}

const EVENTS_PER_READ = 500;
const LOG_BYTES_PER_READ = 256 * 1024;
const POLL_MS = 1_000;
const ENDS_ATTEMPT: ReadonlySet<RunEvent["type"]> = new Set(["job.finished", "job.requeued"]);

/**
 * Everything that happens to a run, from its first event on (or from the one after `afterEvent`): an attempt's log comes between its `job.started` and its
 * `job.finished` or `job.requeued`, whole. Ends after the event that ended the run, or when `signal` is aborted. It only
 * reads: any process that has the store may follow, at its own speed.
 */
export async function* followRun(
  store: Store,
  runId: string,
  options: { logs: boolean; afterEvent?: number },
  signal: AbortSignal,
): AsyncGenerator<FollowItem> {
  const detail = await store.readRun(runId);
  if (detail === undefined) return;
  const jobIds = new Map(detail.jobs.map(({ name, id }) => [name, id]));
  const open = new Map<string, Cursor>();
  let lastId = options.afterEvent ?? 0;
  using hints = hintOrTimeout(store, POLL_MS, signal);
  while (!signal.aborted) {
    const events = await store.readEvents(runId, lastId, EVENTS_PER_READ);
    for (const event of events) {
      lastId = event.id;
      const { job, attempt } = event;
      if (options.logs && job !== null && attempt !== null) {
        if (event.type === "job.started") open.set(job, { job, jobId: jobIds.get(job)!, attempt, offset: 0 });
        const cursor = open.get(job);
        if (cursor !== undefined && ENDS_ATTEMPT.has(event.type)) {
          open.delete(job);
          yield* drain(store, cursor);
        }
      }
      yield { kind: "event", event };
    }
    let hasMore = events.length === EVENTS_PER_READ;
    for (const cursor of open.values()) {
      const item = await readNext(store, cursor);
      if (item === undefined) continue;
      hasMore = true;
      yield item;
    }
    if (hasMore) continue;
    if (events.length === 0 && (await isOver(store, runId, lastId))) return;
    if (events.length === 0) await hints.next();
  }
}

/** Terminal, and no event has come since. */
async function isOver(store: Store, runId: string, lastId: number): Promise<boolean> {
  const detail = await store.readRun(runId);
  if (detail !== undefined && !TERMINAL_RUN_STATUSES.has(detail.run.status) && detail.run.status !== "manual")
    return false;
  return (await store.readEvents(runId, lastId, 1)).length === 0;
}

async function* drain(store: Store, cursor: Cursor): AsyncGenerator<FollowItem> {
  for (let item = await readNext(store, cursor); item !== undefined; item = await readNext(store, cursor))
    yield item;
}

async function readNext(store: Store, cursor: Cursor): Promise<FollowItem | undefined> {
  const { job, jobId, attempt, offset } = cursor;
  const { bytes } = await store.readLog({ jobId, attempt, offset, maxBytes: LOG_BYTES_PER_READ });
  if (bytes.length === 0) return undefined;
  cursor.offset += bytes.length;
  return { kind: "log", job, attempt, offset, bytes };
}
