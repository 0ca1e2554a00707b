import { createHash } from "node:crypto";
import type { Plan, PlannedJob } from "../plan/plan.ts";

/** A plan as its JSON text, parsed when first looked at. Shared by all runs with the same plan: read only. */
export class StoredPlan {
  readonly hash: string;
  readonly text: string;
  #plan: Plan | undefined;

  constructor(hash: string, text: string) {
    this.hash = hash;
    this.text = text;
  }

  static of(plan: Plan): StoredPlan {
    const text = JSON.stringify(plan);
    return new StoredPlan(createHash("sha256").update(text).digest("hex"), text);
  }

  get plan(): Plan {
    this.#plan ??= complete(JSON.parse(this.text) as StoredText);
    return this.#plan;
  }
}

/** Runs that an older cicd recorded lack what jobs have come to say since. */
type StoredText = Omit<Plan, "jobs"> & {
  jobs: (Omit<PlannedJob, "tags" | "interruptible"> & Partial<PlannedJob>)[];
};

function complete(plan: StoredText): Plan {
  return { ...plan, jobs: plan.jobs.map((job) => ({ tags: [], interruptible: false, ...job })) };
}

/** The plans this process has read last. A hash names one content for ever, so an entry never goes stale. */
export class PlanCache {
  readonly #capacity: number;
  readonly #plans = new Map<string, StoredPlan>();

  constructor(capacity = 64) {
    this.#capacity = capacity;
  }

  get(hash: string): StoredPlan | undefined {
    return this.#plans.get(hash);
  }

  add(plan: StoredPlan): void {
    this.#plans.delete(plan.hash);
    this.#plans.set(plan.hash, plan);
    if (this.#plans.size > this.#capacity) this.#plans.delete(this.#plans.keys().next().value!);
  }
}
