import { expect, test } from "bun:test";
import type { Plan, PlannedJob } from "../../src/plan/plan.ts";
import type { JobRecord, Lease, Outcome, RunEvent } from "../../src/run/records.ts";
import { compositeStatus, hasWarnings, isCompleted, normalState, runStatus } from "../../src/run/status.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FAILURE, SUCCESS } from "../contract/store/acts.ts";
import { newRun, randomPlan } from "../support/plans.ts";
import { Random } from "../support/random.ts";

const TRACES = 600;
const STEPS = 40;
const LEASE_MS = 30;

test(`what a change sets off is what deciding about the whole run anew would: ${TRACES} random runs`, async () => {
  const decided = new Set<string>();
  for (let seed = 1; seed <= TRACES; seed += 1) {
    try {
      for (const decision of await playTrace(seed)) decided.add(decision);
    } catch (error) {
      throw new Error(`trace ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  expect([...decided].sort()).toEqual(["ask", "enqueue", "skip"]);
}, 60_000);

/** Everything that was decided. */
async function playTrace(seed: number): Promise<string[]> {
  const random = new Random(seed);
  let now = 1_000;
  const store = new MemoryStore(() => now);
  const plan = randomPlan(random, { jobs: 16, stages: 6, delayMs: 60 });
  await store.createRun(newRun("r", plan));
  const made: string[] = [];
  const leases: Lease[] = [];
  let lastEvent = 0;
  for (let step = 0; step < STEPS; step += 1) {
    const events = await store.readEvents("r", lastEvent, 1_000);
    lastEvent = events.at(-1)?.id ?? lastEvent;
    made.push(...checkDecisions(plan, store, events));
    now += random.below(8);
    await randomStep(random, store, leases, step);
  }
  return made;
}

async function randomStep(random: Random, store: MemoryStore, leases: Lease[], step: number): Promise<void> {
  const dice = random.below(100);
  const actor = "user";
  if (dice < 40) {
    const scope = { kind: "queue" as const, executors: ["fake" as const], labels: [] };
    const lease = store.claimNow({ worker: "w", token: `t${step}`, leaseMs: LEASE_MS, scope });
    if (lease === undefined) return;
    leases.push(lease);
    if (random.chance(0.9)) store.executeNow("r", { type: "start", lease, containerName: "c" });
  } else if (dice < 84) {
    const lease = leases.splice(random.below(leases.length), 1)[0];
    if (lease !== undefined) store.executeNow("r", { type: "finish", lease, outcome: randomOutcome(random) });
  } else if (dice < 88) {
    for (const lease of await store.findExpiredLeases("queue"))
      store.executeNow("r", { type: "reap", lease });
  } else if (dice < 92) {
    const waiting = store
      .detailNow("r")!
      .jobs.filter(({ state }) => state === "manual" || state === "pending");
    const jobs = waiting.slice(0, 1).map(({ name }) => name);
    store.executeNow("r", { type: "play", jobs, actor, owner: null });
  } else if (dice < 94) {
    store.executeNow("r", { type: random.pick(["request_cancel", "request_stop"]), actor });
  } else {
    const { name } = random.pick(store.detailNow("r")!.jobs);
    const jobs = random.pick<string[] | "failed">(["failed", [name]]);
    store.executeNow("r", { type: "retry", jobs, actor, owner: null });
  }
}

function randomOutcome(random: Random): Outcome {
  return random.pick([SUCCESS, SUCCESS, SUCCESS, FAILURE, { ...FAILURE, exitCode: 3 }]);
}

/** The decisions that these events tell of are those of the full recomputation, in its order, and none is left over. */
function checkDecisions(plan: Plan, store: MemoryStore, events: RunEvent[]): string[] {
  const { run, jobs } = store.detailNow("r")!;
  if (run.status !== runStatus(jobs)) throw new Error("the run's status is not that of its jobs");
  if (run.warnings !== hasWarnings(jobs)) throw new Error("the run's warnings are not those of its jobs");
  const told = events.flatMap((event) => decisionOf(event) ?? []);
  const names = new Set(told.map(({ job }) => job));
  const undecided = jobs.map((job) => (names.has(job.name) ? { ...job, state: "created" as const } : job));
  const wanted = decideAll(plan, undecided);
  const text = (list: Decided[]) => list.map(({ job, decision }) => `${job}=${decision}`).join(" ");
  if (text(told) !== text(wanted)) throw new Error(`decided ${text(told)}, not ${text(wanted)}`);
  return told.map(({ decision }) => decision);
}

interface Decided {
  job: string;
  decision: "enqueue" | "ask" | "skip";
}

/** What `settle` tells when it decides about a created job. */
function decisionOf({ type, job, data }: RunEvent): Decided | undefined {
  if (job === null) return undefined;
  if (type === "job.pending" && data.cause === undefined) return { job, decision: "enqueue" };
  if (type === "job.manual") return { job, decision: "ask" };
  if (type === "job.finished" && data.status === "skipped") return { job, decision: "skip" };
}

/** GITLAB.md, status computation, written down without regard to cost: all created jobs again and again until nothing changes. */
function decideAll(plan: Plan, rows: readonly JobRecord[]): Decided[] {
  const jobs = [...rows];
  const all: Decided[] = [];
  for (;;) {
    const round = jobs.flatMap((job) => {
      const decision = job.state === "created" ? decide(plan, plan.jobs[job.index]!, jobs) : undefined;
      return decision === undefined ? [] : [{ index: job.index, job: job.name, decision }];
    });
    if (round.length === 0) return all;
    for (const { index, job, decision } of round) {
      const state = ({ enqueue: "pending", ask: "manual", skip: "skipped" } as const)[decision];
      const allowed = decision === "ask" && plan.jobs[index]!.allowFailure === true;
      jobs[index] = { ...jobs[index]!, state, allowed };
      all.push({ job, decision });
    }
  }
}

function decide(plan: Plan, planned: PlannedJob, jobs: JobRecord[]): Decided["decision"] | undefined {
  const dag = planned.needs !== null;
  const before = ancestorsOf(plan, planned, jobs).map(normalState);
  if (!before.every(isCompleted)) return undefined;
  const previous = compositeStatus(before, { dag });
  if (planned.when === "always") return "enqueue";
  if (planned.when === "on_failure")
    return previous === "failed" || (dag && hasFailedAncestor(plan, planned, jobs)) ? "enqueue" : "skip";
  if (previous !== "success" && (dag || previous !== "skipped")) return "skip";
  return planned.when === "manual" ? "ask" : "enqueue";
}

function hasFailedAncestor(plan: Plan, planned: PlannedJob, jobs: JobRecord[]): boolean {
  return ancestorsOf(plan, planned, jobs).some((job) => {
    const state = normalState(job);
    return (
      state === "failed" || (state === "skipped" && hasFailedAncestor(plan, plan.jobs[job.index]!, jobs))
    );
  });
}

function ancestorsOf(plan: Plan, planned: PlannedJob, jobs: JobRecord[]): JobRecord[] {
  return jobs.filter((job) => {
    const its = plan.jobs[job.index]!;
    return planned.needs === null ? its.stageIndex < planned.stageIndex : planned.needs.includes(its.name);
  });
}
