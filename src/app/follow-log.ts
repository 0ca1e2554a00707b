import { TERMINAL_JOB_STATES, TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { RunDetail, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { notFound } from "./find-run.ts";
import { followRun } from "./follow-run.ts";
import { hintOrTimeout } from "./wait-for-hint.ts";

/** Bytes as stored: masked, colour codes only. Lines may be cut anywhere. */
export interface LogPiece {
  job: string;
  attempt: number;
  offset: number;
  bytes: Uint8Array;
}

const SLICE_BYTES = 256 * 1024;
const POLL_MS = 500;

/** Where a job's log goes on: the attempt and the byte offset in its log. */
export interface LogPosition {
  attempt: number;
  offset: number;
}

/**
 * The log of one job, or of all jobs of a run: what is stored, job after job; with `follow` as it comes, until the job
 * (or the run) is over; of one job from where `from` stands. Throws NOT_FOUND for a job that the run does not have. Aborting ends it quietly.
 */
export async function* followLog(
  app: App,
  detail: RunDetail,
  options: { job?: string; follow: boolean; from?: LogPosition },
  signal: AbortSignal,
): AsyncIterable<LogPiece> {
  const store = await app.store();
  const { run, jobs } = detail;
  if (options.job !== undefined && !jobs.some((job) => job.name === options.job)) {
    const names = jobs.map((job) => job.name);
    throw notFound(
      `run #${run.number} of ${run.pipeline} has no job "${options.job}"`,
      options.job,
      names,
      "jobs",
    );
  }
  if (options.job === undefined && options.follow) {
    yield* followAll(store, run.id, signal);
    return;
  }
  if (options.follow) {
    yield* followJob(store, run.id, options.job!, options.from, signal);
    return;
  }
  for (const job of jobs) {
    if (options.job !== undefined && job.name !== options.job) continue;
    if (job.attempt > 0) yield* readStored(store, job.id, job.name, job.attempt, signal);
  }
}

async function* followAll(store: Store, runId: string, signal: AbortSignal): AsyncIterable<LogPiece> {
  for await (const item of followRun(store, runId, { logs: true }, signal)) {
    if (item.kind === "log") yield item;
  }
}

async function* readStored(
  store: Store,
  jobId: string,
  job: string,
  attempt: number,
  signal: AbortSignal,
): AsyncIterable<LogPiece> {
  for (let offset = 0; !signal.aborted; ) {
    const slice = await store.readLog({ jobId, attempt, offset, maxBytes: SLICE_BYTES });
    if (slice.bytes.byteLength === 0) return;
    yield { job, attempt, offset: slice.offset, bytes: slice.bytes };
    offset = slice.offset + slice.bytes.byteLength;
  }
}

/** Attempt after attempt, until the job is over or the run is. */
async function* followJob(
  store: Store,
  runId: string,
  name: string,
  from: LogPosition | undefined,
  signal: AbortSignal,
): AsyncIterable<LogPiece> {
  let { attempt, offset } = from ?? { attempt: 0, offset: 0 };
  using hints = hintOrTimeout(store, POLL_MS, signal);
  while (!signal.aborted) {
    const detail = await store.readRun(runId);
    const job = detail?.jobs.find((candidate) => candidate.name === name);
    if (detail === undefined || job === undefined) return;
    if (attempt === 0 && job.attempt > 0) attempt = job.attempt;
    const at = { jobId: job.id, attempt, offset, maxBytes: SLICE_BYTES };
    const slice = attempt === 0 ? undefined : await store.readLog(at);
    if (slice !== undefined && slice.bytes.byteLength > 0) {
      yield { job: name, attempt, offset: slice.offset, bytes: slice.bytes };
      offset = slice.offset + slice.bytes.byteLength;
      continue;
    }
    if (slice?.complete && job.attempt > attempt) {
      [attempt, offset] = [attempt + 1, 0];
      continue;
    }
    if (TERMINAL_JOB_STATES.has(job.state) || TERMINAL_RUN_STATUSES.has(detail.run.status)) return;
    await hints.next();
  }
}
