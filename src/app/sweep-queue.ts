import type { AttemptLabels, Executor } from "../run/executor.ts";
import { pause } from "../run/persist.ts";
import type { QueueObserver } from "./queue-event.ts";

const SWEEP_MS = 60_000;

/**
 * Removes, at once and then every minute, what attempts left in the executor that nobody owns any more, until the signal is
 * aborted.
 */
export async function sweepQueue(
  executor: Executor,
  isLive: (labels: AttemptLabels) => Promise<boolean>,
  observe: QueueObserver,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const removed = await executor.sweep(isLive);
      if (Object.values(removed).some((count) => count > 0)) observe({ type: "swept", removed });
    } catch (error) {
      observe({ type: "trouble", doing: "remove leftovers", error });
    }
    await pause(SWEEP_MS, signal);
  }
}
