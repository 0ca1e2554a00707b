import { ACTIVE_JOB_STATES, type EpochMs, type JobRecord, type RunRecord } from "../../run/records.ts";
import type { RunState } from "../../run/run-state.ts";
import type { ClaimScope } from "../../run/store.ts";

/** Of the run whose first claimable job is the first in queue order, the claimable job of the highest priority. */
export function findClaimable(
  runs: readonly RunState[],
  scope: ClaimScope,
  now: EpochMs,
): JobRecord | undefined {
  const isTaken = resourcesAtWork(runs);
  let best: { claimable: JobRecord[]; first: JobRecord } | undefined;
  for (const { run, jobs } of runs) {
    if (run.cancelRequestedAt !== null || run.stopRequestedAt !== null || hasToWait(run, runs)) continue;
    const claimable = jobs.filter(
      (job) =>
        job.state === "pending" && (job.notBefore ?? 0) <= now && !isTaken(job) && isInScope(scope, run, job),
    );
    const [first] = claimable.sort(queueOrder);
    if (first === undefined) continue;
    if (best === undefined || queueOrder(first, best.first) < 0) best = { claimable, first };
  }
  return best?.claimable.sort((a, b) => b.priority - a.priority || queueOrder(a, b))[0];
}

/** The run that it comes after is still at work. */
function hasToWait({ after }: RunRecord, runs: readonly RunState[]): boolean {
  const earlier = after === null ? undefined : runs.find(({ run }) => run.id === after)?.run;
  return earlier !== undefined && ["pending", "running", "canceling"].includes(earlier.status);
}

/** Whether another job has the resource of this one. */
function resourcesAtWork(runs: readonly RunState[]): (job: JobRecord) => boolean {
  let keys: Set<string | null> | undefined;
  const collect = () =>
    new Set(
      runs
        .flatMap(({ jobs }) => jobs.filter(({ state }) => ACTIVE_JOB_STATES.has(state)))
        .map(({ resourceKey }) => resourceKey),
    );
  return ({ resourceKey }) => {
    if (resourceKey === null) return false;
    keys ??= collect();
    return keys.has(resourceKey);
  };
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
