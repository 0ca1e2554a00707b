import type { SweepResult } from "../run/executor.ts";
import type { Lease } from "../run/records.ts";
import type { WorkerEvent } from "../run/worker-event.ts";

/** What the work on the queue tells about itself: the server makes figures and log lines of it, `cicd worker` log lines. */
export type QueueEvent =
  | WorkerEvent
  | { type: "worker.started"; worker: string; slots: number }
  | { type: "worker.draining"; activeJobs: number }
  /** `left`: attempts that go on without this process. */
  | { type: "worker.stopped"; left: number }
  /** An attempt whose lease had run out was dealt with. */
  | { type: "job.reaped"; lease: Lease }
  /** Something was removed. */
  | { type: "swept"; removed: SweepResult }
  /** Files that nobody wants any more were removed. */
  | { type: "tidied"; bytes: number };

/** Called in order, synchronously; must not throw. */
export type QueueObserver = (event: QueueEvent) => void;
