import { backoffMs } from "./persist.ts";
import type { Lease } from "./records.ts";
import type { Store } from "./store.ts";
import type { WorkerEvent } from "./worker-event.ts";

/** An attempt whose lease is kept. `renewedAt`: by the monotonic clock, when the last good renewal was asked for. */
export interface HeldLease {
  readonly lease: Lease;
  renewedAt: number;
  /** Somebody asked to cancel it. May be called again. */
  cancel(): void;
  /** It is not ours any more, or we cannot know. May be called again. */
  lose(): void;
}

export interface KeeperTimes {
  leaseMs: number;
  heartbeatMs: number;
  giveUpMs: number;
}

/** A renewal tells of cancel requests, too: hints bring it forward, to this often. */
const HINTED_MS = 1_000;
/** After a renewal that failed. */
const LONGEST_PAUSE_MS = 1_000;
const LOOK_MS = 250;

/**
 * Renews the leases of what runs, `heartbeatMs` apart, sooner after a hint or a failure. A lease that could not be renewed
 * for `giveUpMs` is lost, whether the store answered with an error or not at all. Works until it is disposed of.
 */
export class LeaseKeeper implements Disposable {
  readonly #store: Store;
  readonly #times: KeeperTimes;
  readonly #held: () => HeldLease[];
  readonly #observe: (event: WorkerEvent) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #askedAt = performance.now();
  #nextAt: number;
  #failures = 0;
  #isAsking = false;

  constructor(
    store: Store,
    times: KeeperTimes,
    held: () => HeldLease[],
    observe: (event: WorkerEvent) => void,
  ) {
    this.#store = store;
    this.#times = times;
    this.#held = held;
    this.#observe = observe;
    this.#nextAt = this.#askedAt + times.heartbeatMs;
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_MS, times.heartbeatMs));
  }

  /** Something changed in the store, or some time has passed: a cancel request may be there. */
  hint(): void {
    if (this.#failures > 0) return;
    this.#nextAt = Math.min(this.#nextAt, this.#askedAt + Math.min(HINTED_MS, this.#times.heartbeatMs));
    this.#look();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const held = this.#held();
    for (const one of held) if (now - one.renewedAt > this.#times.giveUpMs) one.lose();
    const isOverdue = now - this.#askedAt >= this.#times.heartbeatMs;
    if (held.length === 0 || now < this.#nextAt || (this.#isAsking && !isOverdue)) return;
    void this.#renew(held, now);
  }

  async #renew(held: HeldLease[], now: number): Promise<void> {
    this.#askedAt = now;
    this.#nextAt = now + this.#times.heartbeatMs;
    this.#isAsking = true;
    const leases = held.map(({ lease }) => lease);
    try {
      const states = await this.#store.renewLeases(leases, this.#times.leaseMs);
      states.forEach((state, index) => {
        const one = held[index]!;
        if (state.state === "lost") one.lose();
        else one.renewedAt = Math.max(one.renewedAt, now);
        if (state.state === "held" && state.cancelRequested) one.cancel();
      });
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#nextAt = performance.now() + backoffMs(this.#failures, LONGEST_PAUSE_MS);
      this.#observe({ type: "trouble", doing: "renew the leases", error });
    } finally {
      this.#isAsking = false;
    }
  }
}
