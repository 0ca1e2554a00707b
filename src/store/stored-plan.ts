import { createHash } from "node:crypto";
import type { LeftOut, Plan, PlannedJob } from "../plan/plan.ts";

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
type StoredText = Omit<Plan, "jobs" | "leftOut" | "workflow" | "origin"> &
  Partial<Pick<Plan, "workflow" | "origin">> & {
    jobs: StoredJob[];
    leftOut: (Omit<LeftOut, "why"> & Partial<LeftOut>)[];
  };
type StoredJob = Partial<PlannedJob> & Omit<PlannedJob, keyof typeof ADDED_TO_JOBS | "origin">;

const ADDED_TO_PLANS = { workflow: [], origin: { source: null, defaultBranch: null } };
const ADDED_TO_JOBS = {
  tags: [],
  interruptible: false,
  at: { file: "", line: 1, column: 1 },
  node: null,
  why: [],
  inheritVariables: true,
  startInMs: null,
  services: [],
  caches: [],
  secrets: [],
  environment: null,
  coverage: null,
  resourceGroup: null,
  preGetSources: [],
  trigger: null,
};

function complete(plan: StoredText): Plan {
  return {
    ...ADDED_TO_PLANS,
    ...plan,
    leftOut: plan.leftOut.map((left) => ({ why: [], ...left })),
    jobs: plan.jobs.map((job) => ({ origin: job.name, ...ADDED_TO_JOBS, ...job })),
  };
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
