/** How long a server that was there before is waited for, and how often it is asked meanwhile. */
export interface PatienceTimes {
  giveUpMs: number;
  firstMs: number;
  mostMs: number;
}

export const PATIENCE: PatienceTimes = { giveUpMs: 60_000, firstMs: 200, mostMs: 5_000 };

/**
 * Backs off between tries, twice as long each time with full jitter, until `giveUpMs` have passed since `reset` (or the
 * beginning).
 */
export class Patience {
  private since = performance.now();
  private tries = 0;

  constructor(private readonly times: PatienceTimes = PATIENCE) {}

  /** There was an answer. */
  reset(): void {
    this.since = performance.now();
    this.tries = 0;
  }

  /** False: it is over. Throws the signal's reason. */
  async wait(signal: AbortSignal): Promise<boolean> {
    const { giveUpMs, firstMs, mostMs } = this.times;
    const leftMs = giveUpMs - (performance.now() - this.since);
    if (leftMs <= 0) return false;
    const longestMs = Math.min(mostMs, firstMs * 2 ** Math.min(this.tries++, 20), leftMs);
    await pause(longestMs * (0.2 + 0.8 * Math.random()), signal);
    return true;
  }
}

/** Throws the signal's reason. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", wake);
  signal.throwIfAborted();
}
