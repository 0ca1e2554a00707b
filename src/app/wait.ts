import type { Store } from "../run/store.ts";

const POLL_MS = 100;

/**
 * Waits until `isDone` says so: asks at once, after each hint of the store and every 100 ms. False: `waitMs` passed first.
 * Rejects with the signal's reason when aborted.
 */
export async function pollUntil(
  store: Store,
  waitMs: number,
  signal: AbortSignal,
  isDone: () => Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  let wake = () => {};
  using _watching = store.watch(() => wake());
  for (;;) {
    signal.throwIfAborted();
    if (await isDone()) return true;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(POLL_MS, leftMs));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
