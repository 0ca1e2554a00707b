import { CicdError } from "../errors/cicd-error.ts";
import type { WorkerEvent } from "./worker-event.ts";

/**
 * Does something with the store, perhaps more than once; throws what it threw last. `giveUp` ends the trying. `doing` is for
 * people: "store a log".
 */
export type Persist = <T>(doing: string, act: () => Promise<T>, giveUp: AbortSignal) => Promise<T>;

/** For runs that end with their process: what the store throws is thrown. */
export const once: Persist = (_doing, act) => act();

/** What passes, by itself or by somebody's hand: the database is away, locked, full or may not be written to. */
const PASSING: ReadonlySet<string> = new Set([
  "STORE_UNREACHABLE",
  "STORE_BUSY",
  "DISK_FULL",
  "PERMISSION_DENIED",
]);
/** How often anything else is tried. */
const TRIES = 4;

/** Tries again, with growing pauses, for as long as the failure may pass. */
export function persistently(observe: (event: WorkerEvent) => void, longestPauseMs: number): Persist {
  return async (doing, act, giveUp) => {
    for (let failures = 0; ; failures += 1) {
      try {
        return await act();
      } catch (error) {
        const mayPass = error instanceof CicdError && PASSING.has(error.code);
        if (giveUp.aborted || (!mayPass && failures + 1 >= TRIES)) throw error;
        observe({ type: "trouble", doing, error });
        await pause(backoffMs(failures, longestPauseMs), giveUp);
        if (giveUp.aborted) throw error;
      }
    }
  };
}

const FIRST_PAUSE_MS = 100;

/** Full jitter; STATES.md, "Numbers". */
export function backoffMs(failures: number, longestMs: number): number {
  return Math.random() * Math.min(longestMs, FIRST_PAUSE_MS * 2 ** Math.min(failures, 20));
}

/** Resolves when the time has passed or `signal` is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
