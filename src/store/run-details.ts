import type { ArtifactRecord, AttemptRecord, JobRecord, RunRecord } from "../run/records.ts";
import type { RunDetail } from "../run/store.ts";

/**
 * Puts the rows of many runs together, in the order of `runs`. Jobs must come ordered by index, attempts by number,
 * artifacts by path; rows of other runs are passed over.
 */
export function groupDetails(
  runs: RunRecord[],
  rows: {
    jobs: JobRecord[];
    attempts: AttemptRecord[];
    artifacts: (ArtifactRecord & { jobId: string; attempt: number; runId: string })[];
  },
): RunDetail[] {
  const details = new Map<string, RunDetail>();
  for (const run of runs) details.set(run.id, { run, jobs: [], attempts: [], artifacts: [] });
  for (const job of rows.jobs) details.get(job.runId)?.jobs.push(job);
  for (const attempt of rows.attempts) details.get(attempt.runId)?.attempts.push(attempt);
  for (const { runId, ...artifact } of rows.artifacts) details.get(runId)?.artifacts.push(artifact);
  return [...details.values()];
}
