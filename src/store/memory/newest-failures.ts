import type { RunChanges, RunState } from "../../run/run-state.ts";
import type { RecordedTestFailure } from "../../run/store.ts";

/** Of all that were recorded of a run those of the newest attempts, by job. */
export function newestFailures(
  { run, jobs }: RunState,
  all: RunChanges["testFailures"],
): RecordedTestFailure[] {
  return jobs.flatMap((job) =>
    all
      .filter(({ jobId, attempt }) => jobId === job.id && attempt === job.attempt)
      .map(({ jobId: _, attempt: __, ...failure }) => ({ ...failure, runId: run.id, job: job.index })),
  );
}
