import type { EpochMs, Lease } from "../run/records.ts";
import type { RunChanges, RunState } from "../run/run-state.ts";

/** The version of a new run's rows. */
export const FIRST_VERSION = 1;

interface Entry {
  version: number;
  state: RunState;
}

/**
 * The rows of the runs this process has worked on last, so that a command does not read a large run again. An entry
 * counts only while its `version` equals the one read from the database under the run's lock.
 */
export class StateCache {
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();

  constructor(capacity = 32) {
    this.#capacity = capacity;
  }

  get(runId: string, version: number): RunState | undefined {
    const entry = this.#entries.get(runId);
    return entry?.version === version ? entry.state : undefined;
  }

  /** What was read under the lock at `version`. Never replaces something newer. */
  put(version: number, state: RunState): void {
    const { id } = state.run;
    const known = this.#entries.get(id);
    if (known !== undefined && known.version >= version) return;
    this.#entries.delete(id);
    this.#entries.set(id, { version, state });
    if (this.#entries.size > this.#capacity) this.#entries.delete(this.#entries.keys().next().value!);
  }

  /** After the commit that took the run from `version - 1` to `version`. */
  advance(runId: string, version: number, changes: Pick<RunChanges, "run" | "jobs" | "attempts">): void {
    const entry = this.#entries.get(runId);
    if (entry?.version !== version - 1) return;
    entry.version = version;
    entry.state.apply(changes);
  }

  drop(runId: string): void {
    this.#entries.delete(runId);
  }
}

export function changesNothing({ run, jobs, attempts, artifacts, events }: RunChanges): boolean {
  return run === null && [jobs, attempts, artifacts, events].every((list) => list.length === 0);
}

/**
 * Renewals do not raise the run's version: what a cached attempt says about its lease may be old. `leaseUntil` was read
 * just now; undefined: the lease is not held any more, which the other fields tell.
 */
export function refreshLease(state: RunState, lease: Lease, leaseUntil: EpochMs | undefined): void {
  const attempt = state.attempts.get(lease.jobId);
  if (attempt === undefined || leaseUntil === undefined || attempt.number !== lease.attempt) return;
  state.attempts.set(lease.jobId, { ...attempt, leaseUntil });
}
