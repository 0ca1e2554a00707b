import type { Store } from "../run/store.ts";
import { hintOrTimeout } from "./wait-for-hint.ts";

const POLL_MS = 100;

/**
 * Waits until `isDone` says so: asks at once, after each hint of the store and every 100 ms. False: `waitMs` passed, or the
 * signal was aborted, first.
 */
export async function pollUntil(
  store: Store,
  waitMs: number,
  signal: AbortSignal,
  isDone: () => Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  using hints = hintOrTimeout(store, POLL_MS, signal);
  while (!(await isDone())) {
    if (signal.aborted || performance.now() >= deadline) return false;
    await hints.next();
  }
  return true;
}

/** What the promise gives, or nothing where it takes longer; it goes on then all the same. */
export async function withinMs<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), limitMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
