import type { Registry, WorkerRecord } from "../run/registry.ts";
import { Wakeable } from "../run/wakeable.ts";
import type { QueueObserver } from "./queue-event.ts";

const REPORT_MS = 10_000;

/** Keeps a worker's row in the registry, from its making until `stop`. Trouble with the registry is no trouble of the work. */
export class WorkerReport {
  readonly #registry: Registry;
  readonly #record: () => Omit<WorkerRecord, "seenAt">;
  readonly #observe: QueueObserver;
  readonly #sleep = new Wakeable();
  readonly #reporting: Promise<void>;
  #isStopped = false;

  /** `record` is asked before each report. */
  constructor(registry: Registry, record: () => Omit<WorkerRecord, "seenAt">, observe: QueueObserver) {
    this.#registry = registry;
    this.#record = record;
    this.#observe = observe;
    this.#reporting = this.#keepReporting();
  }

  /** Something changed: reports at once. */
  touch(): void {
    this.#sleep.wake();
  }

  /** Reports for the last time. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.touch();
    await this.#reporting;
    await this.#report();
  }

  async #keepReporting(): Promise<void> {
    while (!this.#isStopped) {
      await this.#report();
      await this.#sleep.sleep(REPORT_MS);
    }
  }

  async #report(): Promise<void> {
    try {
      await this.#registry.reportWorker(this.#record());
    } catch (error) {
      this.#observe({ type: "trouble", doing: "report the worker", error });
    }
  }
}
