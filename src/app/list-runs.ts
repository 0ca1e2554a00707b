import type { RunFilter } from "../run/store.ts";
import type { App } from "./app.ts";
import { type RunSummaryJson, toRunSummaryJson } from "./shapes.ts";

/** The newest runs, newest first. */
export async function listRuns(
  app: App,
  filter: RunFilter & { limit: number },
): Promise<{ runs: RunSummaryJson[] }> {
  const store = await app.store();
  const runs = await store.findRuns(filter);
  const now = app.now();
  return { runs: runs.map((run) => toRunSummaryJson(run, now)) };
}
