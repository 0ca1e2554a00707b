import { TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { App } from "./app.ts";
import { readRun } from "./find-run.ts";
import { type RunSummaryJson, toRunSummaryJson } from "./shapes.ts";
import { pollUntil } from "./wait.ts";

/** Waits, up to `waitMs`, until a run is over, and says how it stands then. Throws NOT_FOUND. */
export async function waitForEnd(
  app: App,
  runId: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<{ run: RunSummaryJson; isOver: boolean }> {
  const store = await app.store();
  await pollUntil(store, waitMs, signal, async () => {
    const run = await store.readRunRecord(runId);
    return run === undefined || TERMINAL_RUN_STATUSES.has(run.status);
  });
  const { run } = await readRun(app, runId);
  return { run: toRunSummaryJson(run, app.now()), isOver: TERMINAL_RUN_STATUSES.has(run.status) };
}
