import type { RunRecord, RunStatus } from "../run/records.ts";
import type { Store } from "../run/store.ts";

const ACTIVE: RunStatus[] = ["pending", "running", "manual"];

/**
 * Cancels the runs that a newer one has made needless: older ones of the queue of the same repository and pipeline, made by the
 * same kind of event of the same branch, tag or pull request, of which nothing has started that is not `interruptible`.
 * Returns those that were canceled by this call.
 */
export async function cancelOutdated(store: Store, newer: RunRecord): Promise<RunRecord[]> {
  const { pipeline, trigger, number } = newer;
  const active = await store.findRuns({
    ...{ repoKey: newer.source.repo.key, pipeline, triggers: [trigger], mode: "queue" },
    statuses: ACTIVE,
  });
  const canceled: RunRecord[] = [];
  for (const run of active) {
    if (run.number >= number || lineOf(run) !== lineOf(newer)) continue;
    const actor = `run #${number} of ${pipeline}`;
    const result = await store.execute(run.id, { type: "request_cancel", actor, ifInterruptible: true });
    if (result?.kind === "done") canceled.push(run);
  }
  return canceled;
}

/** What a run is one of many of. */
function lineOf({ source, plan }: RunRecord): string {
  if (plan.pullRequest !== undefined) return `pull request ${plan.pullRequest.number}`;
  return source.tag === null ? `branch ${source.branch}` : `tag ${source.tag}`;
}
