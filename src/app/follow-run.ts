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

interface OpenLog {
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
 * Everything that happens to a run, from its first event on or from where `from` stands: an attempt's log comes between its
 * `job.started` and its `job.finished` or `job.requeued`, whole. Ends after the event that ended the run, or when `signal`
 * is aborted; who goes on from there once the run was reopened sees what came since. It only reads: any process that has
 * the store may follow, at its own speed.
 */
export async function* followRun(
  store: Store,
  runId: string,
  options: { logs: boolean; from?: FollowCursor },
  signal: AbortSignal,
): AsyncGenerator<FollowItem> {
  const detail = await store.readRun(runId);
  if (detail === undefined) return;
  const reader = new RunReader(store, new Map(detail.jobs.map(({ name, id }) => [name, id])), options);
  using hints = hintOrTimeout(store, POLL_MS, signal);
  while (!signal.aborted) {
    const events = await store.readEvents(runId, reader.lastEvent, EVENTS_PER_READ);
    for (const event of events) yield* reader.take(event);
    let hasMore = events.length === EVENTS_PER_READ;
    for await (const item of reader.nextPieces()) {
      hasMore = true;
      yield item;
    }
    if (hasMore) continue;
    if (events.length === 0 && (await isOver(store, runId, reader.lastEvent))) return;
    if (events.length === 0) await hints.next();
  }
}

/** Where a follower stands: the last event given out, and the logs that are open after it. */
class RunReader {
  private readonly open = new Map<string, OpenLog>();
  lastEvent: number;

  constructor(
    private readonly store: Store,
    private readonly jobIds: ReadonlyMap<string, string>,
    private readonly options: { logs: boolean; from?: FollowCursor },
  ) {
    const { event, logs } = options.from ?? { event: 0, logs: [] };
    this.lastEvent = event;
    if (options.logs) for (const { job, attempt, offset } of logs) this.openLog(job, attempt, offset);
  }

  /** The event; before one that ends an attempt, what is left of its log. */
  async *take(event: RunEvent): AsyncGenerator<FollowItem> {
    const { job, attempt, type } = event;
    if (this.options.logs && job !== null && attempt !== null) {
      const log = ENDS_ATTEMPT.has(type) ? this.open.get(job) : undefined;
      if (log !== undefined) yield* this.drain(log);
      if (log !== undefined) this.open.delete(job);
      if (type === "job.started") this.openLog(job, attempt, 0);
    }
    this.lastEvent = event.id;
    yield { kind: "event", event, cursor: this.cursor() };
  }

  /** One piece of each open log that has more. */
  async *nextPieces(): AsyncGenerator<FollowItem> {
    for (const log of this.open.values()) {
      const item = await this.readNext(log);
      if (item !== undefined) yield item;
    }
  }

  private openLog(job: string, attempt: number, offset: number): void {
    const jobId = this.jobIds.get(job);
    if (jobId !== undefined) this.open.set(job, { job, jobId, attempt, offset });
  }

  private async *drain(log: OpenLog): AsyncGenerator<FollowItem> {
    for (let item = await this.readNext(log); item !== undefined; item = await this.readNext(log)) yield item;
  }

  private async readNext(log: OpenLog): Promise<FollowItem | undefined> {
    const { job, jobId, attempt, offset } = log;
    const { bytes } = await this.store.readLog({ jobId, attempt, offset, maxBytes: LOG_BYTES_PER_READ });
    if (bytes.length === 0) return undefined;
    log.offset += bytes.length;
    return { kind: "log", job, attempt, offset, bytes, cursor: this.cursor() };
  }

  private cursor(): FollowCursor {
    const logs = [...this.open.values()].map(({ job, attempt, offset }) => ({ job, attempt, offset }));
    return { event: this.lastEvent, logs };
  }
}

/** Terminal or waiting for a manual job, and no event has come since. */
async function isOver(store: Store, runId: string, lastId: number): Promise<boolean> {
  const run = await store.readRunRecord(runId);
  if (run !== undefined && !TERMINAL_RUN_STATUSES.has(run.status) && run.status !== "manual") return false;
  return (await store.readEvents(runId, lastId, 1)).length === 0;
}
