import type { AttemptLabels } from "../run/executor.ts";
import type { Store } from "../run/store.ts";
import type { App } from "./app.ts";

/**
 * Whether what carries these labels belongs to somebody. An attempt of the queue does until it has an outcome: when its lease runs
 * out the reapers see to that, and until then its worker may still record how it ended. A local one lives while its process does:
 * its lease may have run out while the machine slept.
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
  const { mode, owner } = detail.run;
  return mode === "queue" || (owner !== null && app.isOwnerAlive(owner));
}
