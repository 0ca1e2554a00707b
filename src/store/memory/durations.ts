import type { RunState } from "../../run/run-state.ts";
import { countedRuns, expectedDurations } from "../expected-durations.ts";

/** How long each job may be expected to take, from the runs of its pipeline. */
export function durationsOf(newestFirst: readonly { state: RunState }[]): Map<string, number> {
  const counted = countedRuns(newestFirst, ({ state }) => state.run.status);
  const rows = counted.flatMap(({ state }) =>
    state.jobs.flatMap((job) => {
      if (job.state !== "success" || job.startedAt === null || job.finishedAt === null) return [];
      return [{ name: job.name, ms: job.finishedAt - job.startedAt }];
    }),
  );
  return expectedDurations(rows);
}
