import type { AttemptLabels } from "../run/executor.ts";
import type { Store } from "../run/store.ts";
import type { App } from "./app.ts";

/**
 * Whether what carries these labels belongs to somebody. An attempt of the queue lives while its lease does. A local one lives
 * while its process does: its lease may have run out while the machine slept.
 */
export async function isAttemptLive(
  app: App,
  store: Store,
  labels: Omit<AttemptLabels, "instance">,
): Promise<boolean> {
  const detail = await store.readRun(labels.run);
  const attempt = detail?.attempts.find(
    ({ jobId, number }) => jobId === labels.job && number === labels.attempt,
  );
  if (detail === undefined || attempt === undefined || attempt.outcome !== null) return false;
  const { run } = detail;
  if (run.mode === "local") return run.owner !== null && app.isOwnerAlive(run.owner);
  const { runId, jobId, number, leaseToken } = attempt;
  return store.isLeaseLive({ runId, jobId, attempt: number, token: leaseToken });
}
