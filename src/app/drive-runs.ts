import { TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { Store } from "../run/store.ts";
import { WORKER_TIMES, Worker } from "../run/worker.ts";
import { type App, type ExecutorKind, workerName } from "./app.ts";
import { secretsOfHost } from "./local-variables.ts";

export interface DriveOptions {
  maxParallelJobs: number;
  graceMs: number;
  logLimitBytes: number;
  /** Ends everything at once: the second Ctrl-C. */
  kill: AbortSignal;
}

/**
 * Drives runs of this process to their end, one after the other; resolves when nothing of theirs is left in the executor.
 * Aborting `signal` cancels the run that is under way and those that wait. Throws what the store throws; the containers
 * are gone then all the same.
 */
export async function driveRuns(
  app: App,
  runIds: string[],
  options: DriveOptions,
  signal: AbortSignal,
): Promise<void> {
  const store = await app.store();
  // Of the run that is under way, with those that its jobs start.
  let driven: string[] = [];
  const cancelAll = () => void cancelRuns(store, [...new Set([...driven, ...runIds])]);
  signal.addEventListener("abort", cancelAll, { once: true });
  if (signal.aborted) await cancelRuns(store, runIds);
  try {
    for (const [index, runId] of runIds.entries()) {
      app.phases.follow(runId);
      app.phases.enter("record");
      driven = [runId];
      await driveRun(app, store, driven, options);
      if (index < runIds.length - 1) app.phases.leave(runId);
    }
    app.phases.enter("closing");
  } finally {
    signal.removeEventListener("abort", cancelAll);
  }
}

/** `runIds`: one run, to which those are added that its jobs start. */
async function driveRun(app: App, store: Store, runIds: string[], options: DriveOptions): Promise<void> {
  const detail = await store.readRun(runIds[0]!);
  if (detail === undefined || TERMINAL_RUN_STATUSES.has(detail.run.status)) return;
  const { owner, instance } = app.identity;
  await using worker = new Worker({
    store,
    layers: await app.layers(),
    executor: await app.executor(detail.run.executor as ExecutorKind),
    name: workerName(owner),
    instance,
    scope: { kind: "runs", runIds },
    maxParallelJobs: options.maxParallelJobs,
    logLimitBytes: options.logLimitBytes,
    secrets: secretsOfHost(app),
    readJunit: app.readJunit,
    times: { ...WORKER_TIMES, graceMs: options.graceMs },
    newToken: app.newId,
  });
  const onKill = () => worker.kill();
  options.kill.addEventListener("abort", onKill, { once: true });
  try {
    await worker.run(new AbortController().signal);
    app.phases.enter("cleanup");
  } finally {
    options.kill.removeEventListener("abort", onKill);
  }
}

async function cancelRuns(store: Store, runIds: string[]): Promise<void> {
  for (const runId of runIds) {
    try {
      await store.execute(runId, { type: "request_cancel", actor: "interrupt" });
    } catch {
      // The worker meets the same store and reports what is wrong with it.
    }
  }
}
