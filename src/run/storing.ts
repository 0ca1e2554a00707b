import type { AttemptSignals } from "./attempt.ts";
import type { ExecutionResult, StopReason } from "./executor.ts";
import type { AttemptEnd } from "./run-attempt.ts";

/**
 * How long an attempt's log and outcome are offered to the store: until they are taken, the attempt is left to another owner,
 * or its lease was given up before the job had ended by itself. Dispose of it with the attempt.
 */
export class Storing implements Disposable {
  readonly #stop: AbortSignal;
  readonly #leave: AbortSignal;
  readonly #giveUp = new AbortController();
  readonly #asked = new AbortController();
  #result: Promise<ExecutionResult> | undefined;
  #isOver = false;

  constructor({ stop, leave }: Pick<AttemptSignals, "stop" | "leave">) {
    this.#stop = stop;
    this.#leave = leave;
    stop.addEventListener("abort", this.#onStop);
    leave.addEventListener("abort", this.#onLeave);
    if (stop.aborted) this.#onStop();
    if (leave.aborted) this.#onLeave();
  }

  /** Aborted: what the store does not take at once is not offered again. */
  get giveUp(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Nothing more is to be stored. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Aborted when the job was told to stop while the lease was ours, or nothing more is to be stored. */
  get stopped(): AbortSignal {
    return this.#asked.signal;
  }

  /** What has become of an attempt that was given up. */
  get end(): AttemptEnd {
    return { kind: this.#leave.aborted ? "left" : "lost" };
  }

  /** The job has been started. */
  follow(result: Promise<ExecutionResult>): void {
    this.#result = result;
    if (this.#stop.aborted) this.#onStop();
  }

  [Symbol.dispose](): void {
    this.#stop.removeEventListener("abort", this.#onStop);
    this.#leave.removeEventListener("abort", this.#onLeave);
  }

  readonly #onLeave = () => this.#giveUp.abort();

  readonly #onStop = () => {
    const reason = this.#stop.reason as StopReason;
    if (reason === "detach") return this.abandon();
    if (reason !== "lease_lost") return this.#asked.abort();
    // Before the job is known to run there is no result to wait for: starting it is broken off.
    void this.#result?.then(({ status }) => {
      if (status === "canceled") this.abandon();
    });
  };

  /** No outcome of the job can be known any more. */
  abandon(): void {
    this.#isOver = true;
    this.#asked.abort();
    this.#giveUp.abort();
  }
}

/** Aborted in a way that leaves the outcome to somebody else. */
export function isGivenUp(signal: AbortSignal): boolean {
  const reason = signal.reason as StopReason | undefined;
  return signal.aborted && (reason === "lease_lost" || reason === "detach");
}
