import type { Store } from "../run/store.ts";

/**
 * Waits for the store's next hint, at most `pollMs` long, and no longer than until `signal` is aborted. A hint that came
 * between two waits counts for the next one, so none is missed.
 */
export function hintOrTimeout(
  store: Store,
  pollMs: number,
  signal: AbortSignal,
): Disposable & { next(): Promise<void> } {
  let pending = false;
  let wake = () => {};
  const rouse = () => {
    pending = true;
    wake();
  };
  const watching = store.watch(rouse);
  signal.addEventListener("abort", rouse, { once: true });
  return {
    async next() {
      if (!pending) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pollMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = () => {};
      }
      pending = false;
    },
    [Symbol.dispose]() {
      watching[Symbol.dispose]();
      signal.removeEventListener("abort", rouse);
    },
  };
}
