import type { JobRecord, RunRecord } from "../../run/records.ts";
import type { RunState } from "../../run/run-state.ts";
import type { ClaimScope } from "../../run/store.ts";

/** Of the run whose first claimable job is the first in queue order, the claimable job of the highest priority. */
export function findClaimable(runs: readonly RunState[], scope: ClaimScope): JobRecord | undefined {
  let best: { claimable: JobRecord[]; first: JobRecord } | undefined;
  for (const { run, jobs } of runs) {
    if (run.cancelRequestedAt !== null || run.stopRequestedAt !== null) continue;
    const claimable = jobs.filter((job) => job.state === "pending" && isInScope(scope, run, job));
    const [first] = claimable.sort(queueOrder);
    if (first === undefined) continue;
    if (best === undefined || queueOrder(first, best.first) < 0) best = { claimable, first };
  }
  return best?.claimable.sort((a, b) => b.priority - a.priority || queueOrder(a, b))[0];
}

function isInScope(scope: ClaimScope, run: RunRecord, job: JobRecord): boolean {
  if (scope.kind === "runs") return scope.runIds.includes(run.id);
  const { tags } = run.plan.jobs[job.index]!;
  return (
    run.mode === "queue" &&
    scope.executors.includes(run.executor) &&
    tags.every((tag) => scope.labels.includes(tag))
  );
}

function queueOrder(a: JobRecord, b: JobRecord): number {
  if (a.queuedAt !== b.queuedAt) return (a.queuedAt ?? 0) - (b.queuedAt ?? 0);
  if (a.runId !== b.runId) return a.runId < b.runId ? -1 : 1;
  return a.index - b.index;
}
