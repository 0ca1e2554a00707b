import { startOrder } from "../plan/order.ts";
import type { Plan, PlannedJob } from "../plan/plan.ts";

/** What may still come of a run after a job, at most; for executors that prepare something for it. */
export interface Outlook {
  jobs: number;
  /** So many of them may run at the same time. */
  atOnce: number;
}

/** Follows a run as seen from one worker with so many slots. */
export class RunOutlook {
  readonly #total: number;
  readonly #widestLater = new Map<string, number>();
  #begun = 0;

  constructor(plan: Plan, slots: number) {
    // Nothing is kept ready for what comes much later, or is no work of the executor.
    const isLeft = ({ when, trigger }: PlannedJob) => when === "delayed" || trigger !== null;
    const left = new Set(plan.jobs.filter(isLeft).map(({ name }) => name));
    this.#total = plan.jobs.length - left.size;
    let widest = 0;
    for (const names of startOrder(plan).reverse()) {
      for (const name of names) this.#widestLater.set(name, Math.min(widest, slots));
      widest = Math.max(widest, names.filter((name) => !left.has(name)).length);
    }
  }

  /** This worker begins the job now. */
  begin({ name }: PlannedJob): Outlook {
    this.#begun += 1;
    const jobs = Math.max(0, this.#total - this.#begun);
    return { jobs, atOnce: Math.min(jobs, this.#widestLater.get(name) ?? 0) };
  }
}
