import type { EpochMs, Lease } from "../run/records.ts";
import type { RunChanges, RunState } from "../run/run-state.ts";

/** The version of a new run's rows. */
export const FIRST_VERSION = 1;

interface Entry {
  version: number;
  state: RunState;
  /** What events up to this one tell of is in the state; of later ones it may be. */
  lastEvent: number;
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

  /** What is known of an older version: from where `catchUp` has to go on. */
  behind(runId: string, version: number): { lastEvent: number } | undefined {
    const entry = this.#entries.get(runId);
    return entry !== undefined && entry.version < version ? entry : undefined;
  }

  /** What was read under the lock at `version`. Never replaces something newer. */
  put(version: number, state: RunState, lastEvent = 0): void {
    const { id } = state.run;
    const known = this.#entries.get(id);
    if (known !== undefined && known.version >= version) return;
    this.#entries.delete(id);
    this.#entries.set(id, { version, state, lastEvent });
    if (this.#entries.size > this.#capacity) this.#entries.delete(this.#entries.keys().next().value!);
  }

  /** After the commit that took the run from `version - 1` to `version`. */
  advance(runId: string, version: number, changes: Pick<RunChanges, "run" | "jobs" | "attempts">): void {
    const entry = this.#entries.get(runId);
    if (entry?.version !== version - 1) return;
    entry.version = version;
    entry.state.apply(changes);
  }

  /** Takes an older entry to `version` with everything that changed since, read under the lock. */
  catchUp(
    runId: string,
    version: number,
    { lastEvent, ...changes }: Pick<RunChanges, "run" | "jobs" | "attempts"> & { lastEvent: number },
  ): RunState | undefined {
    const entry = this.#entries.get(runId);
    if (entry === undefined || entry.version >= version) return this.get(runId, version);
    entry.state.apply(changes);
    entry.version = version;
    entry.lastEvent = lastEvent;
    return entry.state;
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
