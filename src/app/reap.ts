import { pause } from "../run/persist.ts";
import { type Lease, TERMINAL_JOB_STATES, TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { Store } from "../run/store.ts";
import { findChild } from "./child-runs.ts";
import type { QueueObserver } from "./queue-event.ts";

const REAP_MS = 5_000;
/** Workers renew again within this time once the database is back: theirs is no lost lease. */
const CALM_MS = 10_000;
/** The store waits a while for a database that is away: an answer that took so long counts as a failure. */
const SLOW_MS = 2_000;

/**
 * Deals with attempts of queue runs whose lease has run out, whoever had it, until the signal is aborted. Several may do so on one
 * database: every step is a guarded transition. After a failure of its own to reach the database, and at its start, it lets the
 * workers renew first.
 */
export async function reapQueue(store: Store, observe: QueueObserver, signal: AbortSignal): Promise<void> {
  let calmFrom = performance.now() + CALM_MS;
  while (!signal.aborted) {
    const askedAt = performance.now();
    try {
      const expired = await store.findExpiredLeases("queue");
      const now = performance.now();
      if (now - askedAt > SLOW_MS) calmFrom = now + CALM_MS;
      for (const lease of now < calmFrom ? [] : expired) {
        if (await reap(store, lease)) observe({ type: "job.reaped", lease });
      }
    } catch (error) {
      calmFrom = performance.now() + CALM_MS;
      observe({ type: "trouble", doing: "look for lost workers", error });
    }
    await pause(REAP_MS, signal);
  }
}

/**
 * False: somebody else did, or the lease was renewed. A pipeline that the attempt had started and that its job, which is not tried again,
 * was to wait for is canceled with it.
 */
export async function reap(store: Store, lease: Lease): Promise<boolean> {
  const result = await store.execute(lease.runId, { type: "reap", lease });
  if (result?.kind !== "done") return false;
  const { run, jobs } = (await store.readRun(lease.runId))!;
  const job = jobs.find(({ id }) => id === lease.jobId);
  if (job === undefined || !TERMINAL_JOB_STATES.has(job.state)) return true;
  if (run.plan.jobs[job.index]?.trigger?.depend !== true) return true;
  const child = await findChild(store, job);
  if (child !== undefined && !TERMINAL_RUN_STATUSES.has(child.status))
    await store.execute(child.id, { type: "request_cancel", actor: run.pipeline });
  return true;
}
