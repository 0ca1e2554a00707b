import type { PhaseSpan } from "./phases.ts";
import type { Lease, Outcome, Owner } from "./records.ts";

/** Everything that can happen to a run after its creation, but for claims and lease renewals (`QueueStore`). */
export type Command =
  /** The worker is about to create the attempt's container: assigned → running. */
  | { type: "start"; lease: Lease; containerName: string }
  /** The worker has begun to stop it: running → canceling. */
  | { type: "begin_cancel"; lease: Lease }
  /** `phases`: where its time went, up to now. */
  | { type: "finish"; lease: Lease; outcome: Outcome; phases?: PhaseSpan[] }
  /** The lease has run out. */
  | { type: "reap"; lease: Lease }
  /**
   * With an owner: only while the run belongs to it. `ifInterruptible`: only where a job of its plan is `interruptible` and so
   * is every job that has started.
   */
  | { type: "request_cancel"; actor: string; owner?: Owner; ifInterruptible?: true }
  /** Running jobs end by themselves, nothing more starts. */
  | { type: "request_stop"; actor: string }
  /**
   * A new attempt of these jobs, or of all that failed or were canceled. A finished run is reopened. With an owner, who
   * drives the run from then on, it is a noop while another process does.
   */
  | { type: "retry"; jobs: string[] | "failed"; actor: string; owner: Owner | null }
  /**
   * Starts manual jobs, and delayed ones without further delay. With an owner, who drives the run from then on unless another
   * process does.
   */
  | { type: "play"; jobs: string[]; actor: string; owner: Owner | null };

/**
 * `noop`: it was so already, or there was nothing to do. `lost`: the lease is not held any more. `conflict`: the attempt
 * is finished with another outcome. `canceled` (of start): do not start it, it is recorded as canceled.
 */
export type CommandResult =
  | { kind: "done"; affectedJobs: string[] }
  | { kind: "noop" }
  | { kind: "lost" }
  | { kind: "conflict" }
  | { kind: "canceled" };
