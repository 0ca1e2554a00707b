import type { ExecutionResult } from "../../run/executor.ts";
import { clampTimer } from "./deadline.ts";
import { failedResult } from "./result.ts";

/** The time of an attempt, counted from the making of this on: what is got ready before the script takes of it. */
export class TimeLimit implements Disposable {
  readonly #expiry = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #endsAt: number;

  constructor(timeoutMs: number) {
    this.#endsAt = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.#expiry.abort(), clampTimer(timeoutMs));
  }

  /** Aborted when the time is up, until disposed of. */
  get expired(): AbortSignal {
    return this.#expiry.signal;
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /** Stops the timer; `leftMs` goes on. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** The time was up before the script could start. */
export function lateResult(): ExecutionResult {
  return failedResult(
    "job_timeout",
    null,
    "The job's timeout was over before its script could start: getting its image, its services or its workspace ready took too long.",
  );
}
