import { type JobRecord, type RunRecord, TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { RunFilter, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { readRun } from "./find-run.ts";
import { type RunSummaryJson, toRunSummaryJson } from "./shapes.ts";
import { pollUntil } from "./wait.ts";

/** `jobs`: those that were running when it was asked. `isOver`: the run had ended when this was returned. */
export interface EndedRun {
  run: RunSummaryJson;
  jobs: string[];
  isOver: boolean;
}

/**
 * Asks every active run that matches to cancel and waits, up to `waitMs`, until each is over. Empty: nothing was
 * running, which is no error.
 */
export async function cancelRuns(
  app: App,
  filter: RunFilter,
  options: { actor: string; waitMs: number },
  signal: AbortSignal,
): Promise<EndedRun[]> {
  const store = await app.store();
  const asked: AskedRun[] = [];
  for (const run of await findActiveRuns(store, filter))
    asked.push(...(await askToCancel(store, run, options.actor)));
  const ids = new Set(asked.map(({ run }) => run.id));
  await pollUntil(store, options.waitMs, signal, async () => (await stillActive(store, ids)).length === 0);
  return Promise.all(asked.map((entry) => toEndedRun(app, store, entry)));
}

/** Asks every active run that matches to start nothing more. Does not wait for the jobs that run. */
export async function stopRuns(app: App, filter: RunFilter, options: { actor: string }): Promise<EndedRun[]> {
  const store = await app.store();
  const asked: AskedRun[] = [];
  for (const run of await findActiveRuns(store, filter))
    asked.push(...(await askToStop(store, run, options.actor)));
  return Promise.all(asked.map((entry) => toEndedRun(app, store, entry)));
}

/** One run, over or not. Throws NOT_FOUND. */
export async function cancelRun(app: App, runId: string, options: { actor: string }): Promise<EndedRun> {
  return askOne(app, runId, (store, run) => askToCancel(store, run, options.actor));
}

export async function stopRun(app: App, runId: string, options: { actor: string }): Promise<EndedRun> {
  return askOne(app, runId, (store, run) => askToStop(store, run, options.actor));
}

interface AskedRun {
  run: RunRecord;
  jobs: string[];
}

async function askOne(
  app: App,
  runId: string,
  ask: (store: Store, run: RunRecord) => Promise<AskedRun[]>,
): Promise<EndedRun> {
  const store = await app.store();
  const { run } = await readRun(app, runId);
  const [asked = { run, jobs: [] }] = await ask(store, run);
  return toEndedRun(app, store, asked);
}

/** Empty: the run has been deleted. */
async function askToCancel(store: Store, run: RunRecord, actor: string): Promise<AskedRun[]> {
  const result = await store.execute(run.id, { type: "request_cancel", actor });
  if (result === undefined) return [];
  return [{ run, jobs: result.kind === "done" ? result.affectedJobs : await runningJobs(store, run.id) }];
}

async function askToStop(store: Store, run: RunRecord, actor: string): Promise<AskedRun[]> {
  const result = await store.execute(run.id, { type: "request_stop", actor });
  return result === undefined ? [] : [{ run, jobs: await runningJobs(store, run.id) }];
}

const ACTIVE_STATUSES: RunRecord["status"][] = ["pending", "running", "canceling", "manual"];

function findActiveRuns(store: Store, filter: RunFilter): Promise<RunRecord[]> {
  return store.findRuns({ ...filter, statuses: ACTIVE_STATUSES });
}

async function stillActive(store: Store, ids: Set<string>): Promise<RunRecord[]> {
  if (ids.size === 0) return [];
  const active = await store.findRuns({ statuses: ACTIVE_STATUSES });
  return active.filter((run) => ids.has(run.id));
}

async function runningJobs(store: Store, runId: string): Promise<string[]> {
  const detail = await store.readRun(runId);
  const isRunning = (job: JobRecord) => job.state === "running" || job.state === "canceling";
  return (detail?.jobs ?? []).filter(isRunning).map((job) => job.name);
}

async function toEndedRun(app: App, store: Store, entry: AskedRun): Promise<EndedRun> {
  const run = (await store.readRun(entry.run.id))?.run ?? entry.run;
  return {
    run: toRunSummaryJson(run, app.now()),
    jobs: entry.jobs,
    isOver: TERMINAL_RUN_STATUSES.has(run.status),
  };
}
