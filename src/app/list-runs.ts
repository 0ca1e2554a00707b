import type { RunStatus } from "../run/records.ts";
import type { App } from "./app.ts";
import { type RunSelection, toRunFilter } from "./find-run.ts";
import { type RunSummaryJson, toRunSummaryJson } from "./shapes.ts";

export interface ListRequest {
  /** Undefined: of all repositories. */
  selection: RunSelection | undefined;
  statuses?: RunStatus[];
  limit: number;
}

/** The newest runs, newest first. */
export async function listRuns(
  app: App,
  request: ListRequest,
  signal: AbortSignal,
): Promise<{ runs: RunSummaryJson[] }> {
  const store = await app.store();
  const filter = request.selection === undefined ? {} : await toRunFilter(app, request.selection, signal);
  const statuses = request.statuses === undefined ? {} : { statuses: request.statuses };
  const runs = await store.findRuns({ ...filter, ...statuses, limit: request.limit });
  const now = app.now();
  return { runs: runs.map((run) => toRunSummaryJson(run, now)) };
}
