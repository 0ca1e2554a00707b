import { describe, expect, test } from "bun:test";
import type { Command } from "../../src/run/command.ts";
import {
  ACTIVE_JOB_STATES,
  type AttemptRecord,
  type JobRecord,
  type JobState,
  type Lease,
  type Outcome,
  TERMINAL_JOB_STATES,
  TERMINAL_RUN_STATUSES,
} from "../../src/run/records.ts";
import { hasWarnings, runStatus } from "../../src/run/status.ts";
import type { ClaimScope, RunDetail } from "../../src/run/store.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { newRun, randomPlan } from "../support/plans.ts";
import { Random } from "../support/random.ts";

/** Fewer where the same test has run in full already. */
const TRACES = Number(process.env.TEST_TRACES ?? 100_000);
const LEASE_MS = 30;

/** STATES.md, "States" and "Transitions", written down a second time: the code must not be its own judge. */
const LEGAL: Record<JobState, JobState[]> = {
  created: ["pending", "manual", "skipped", "canceled", "assigned"],
  manual: ["pending", "canceled"],
  waiting_for_resource: [],
  pending: ["assigned", "canceled"],
  assigned: ["running", "pending", "canceled"],
  running: ["success", "failed", "canceled", "canceling", "pending"],
  canceling: ["canceled", "success", "failed"],
  success: [],
  failed: ["pending"],
  canceled: ["pending", "created", "skipped", "manual"],
  skipped: ["created", "pending", "manual", "canceled"],
};

const OUTCOMES: Outcome[] = [
  outcome("success", 0),
  outcome("failed", 1),
  outcome("failed", 3),
  outcome("canceled", null),
];

describe("three workers with labels, a reaper, a canceller and crashes on one run or two in a row", () => {
  test(`keep every promise in ${TRACES} random interleavings`, async () => {
    for (let seed = 1; seed <= TRACES; seed += 1) {
      try {
        await playTrace(seed);
      } catch (error) {
        throw new Error(`trace ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  }, 300_000);

  test("notices a store that lets a dead worker finish the next attempt", async () => {
    class Unfenced extends MemoryStore {
      override executeNow(runId: string, command: Parameters<MemoryStore["executeNow"]>[1]) {
        if (command.type !== "finish") return super.executeNow(runId, command);
        const detail = this.detailNow(runId)!;
        const newest = detail.attempts.filter(({ jobId }) => jobId === command.lease.jobId).at(-1)!;
        const lease = { ...command.lease, attempt: newest.number, token: newest.leaseToken };
        return super.executeNow(runId, { ...command, lease });
      }
    }
    let caught = 0;
    for (let seed = 1; seed <= 2_000; seed += 1) {
      await playTrace(seed, (now) => new Unfenced(now)).catch(() => {
        caught += 1;
      });
    }
    expect(caught).toBeGreaterThan(0);
  }, 60_000);
});

interface ModelWorker {
  name: string;
  labels: string[];
  held: Lease[];
  /** Leases of a former life: a zombie that wakes up. */
  stale: Lease[];
}

async function playTrace(
  seed: number,
  makeStore: (now: () => number) => MemoryStore = (now) => new MemoryStore(now),
): Promise<void> {
  const random = new Random(seed);
  let now = 1_000;
  const store = makeStore(() => now);
  const runIds = await createRuns(random, store);
  const workers: ModelWorker[] = [
    { name: "w1", labels: [], held: [], stale: [] },
    { name: "w2", labels: ["gpu"], held: [], stale: [] },
    { name: "w3", labels: ["gpu", "big"], held: [], stale: [] },
  ];
  const watches = runIds.map((runId) => watchRun(store, runId));
  const check = () => {
    for (const watch of watches) watch.check();
  };
  const attempts = () => watches.flatMap(({ seen }) => seen().attempts);
  const steps = 8 + random.below(25);
  for (let step = 0; step < steps; step += 1) {
    now += random.below(8);
    const known = attempts();
    const finisher = await randomStep(random, store, random.pick(runIds), workers, { step, now });
    check();
    if (finisher !== undefined) checkFinisher(finisher, known, attempts());
  }
  await finishFairly(
    store,
    runIds,
    () => {
      now += LEASE_MS * 2;
      return now;
    },
    check,
  );
  for (const { seen } of watches) {
    const { status } = seen().run;
    if (!TERMINAL_RUN_STATUSES.has(status) && status !== "manual")
      throw new Error(`the run never ended: ${status}`);
  }
}

/** One run, or two of which the second comes after the first. Some jobs ask for a worker with labels. */
async function createRuns(random: Random, store: MemoryStore): Promise<string[]> {
  const tagged = () => {
    const plan = randomPlan(random, { jobs: 6, stages: 3, delayMs: random.pick([0, 40]) });
    const jobs = plan.jobs.map((job) => ({ ...job, tags: random.pick([[], [], ["gpu"], ["gpu", "big"]]) }));
    return { ...plan, jobs };
  };
  await store.createRun(newRun("r", tagged()));
  if (!random.chance(0.3)) return ["r"];
  await store.createRun(newRun("s", tagged(), { after: "r" }));
  return ["r", "s"];
}

/** Compares a run with what it was at the last look. */
function watchRun(store: MemoryStore, runId: string): { check: () => void; seen: () => RunDetail } {
  let before = store.detailNow(runId)!;
  const everOver = new Set(before.jobs.filter(isOver).map(({ name }) => name));
  return {
    check() {
      const after = store.detailNow(runId)!;
      if (isSame(before, after)) return;
      checkStep(before, after, everOver);
      for (const job of after.jobs) if (isOver(job)) everOver.add(job.name);
      before = after;
    },
    seen: () => before,
  };
}

/** Nothing was written in between: every record is the very same. */
function isSame(before: RunDetail, after: RunDetail): boolean {
  return (
    before.run === after.run &&
    before.attempts.length === after.attempts.length &&
    before.jobs.every((job, index) => job === after.jobs[index]) &&
    before.attempts.every((attempt, index) => attempt === after.attempts[index])
  );
}

/** Claims a job if there is one for this worker, which must be one that it may have. */
function claimAs(store: MemoryStore, worker: { name: string; labels: string[] }, token: string, now: number) {
  const scope: ClaimScope = { kind: "queue", executors: ["fake"], labels: worker.labels };
  const first = store.detailNow("r")!.run.status;
  const atWork = new Set(jobsAtWork(store).map(({ resourceKey }) => resourceKey));
  const lease = store.claimNow({ worker: worker.name, token, leaseMs: LEASE_MS, scope });
  if (lease === undefined) return undefined;
  const { run, jobs } = store.detailNow(lease.runId)!;
  const { index, resourceKey, notBefore } = jobs.find(({ id }) => id === lease.jobId)!;
  if (resourceKey !== null && atWork.has(resourceKey)) throw new Error("two jobs have one resource");
  if (notBefore !== null && notBefore > now) throw new Error("a delayed job began before its time");
  const { tags } = run.plan.jobs[index]!;
  if (tags.some((tag) => !worker.labels.includes(tag))) throw new Error(`${worker.name} lacks a label`);
  const isEarlierOver = TERMINAL_RUN_STATUSES.has(first) || first === "manual";
  if (run.after !== null && !isEarlierOver) throw new Error(`started while the run before it was ${first}`);
  return lease;
}

function jobsAtWork(store: MemoryStore): JobRecord[] {
  const jobs = ["r", "s"].flatMap((runId) => store.detailNow(runId)?.jobs ?? []);
  return jobs.filter(({ state }) => ACTIVE_JOB_STATES.has(state));
}

async function randomStep(
  random: Random,
  store: MemoryStore,
  runId: string,
  workers: ModelWorker[],
  { step, now }: { step: number; now: number },
): Promise<Lease | undefined> {
  const worker = random.pick(workers);
  const dice = random.below(100);
  const execute = (lease: Lease, command: Command) => store.executeNow(lease.runId, command);
  if (dice < 30) {
    const lease = claimAs(store, worker, `${worker.name}-${step}`, now);
    if (lease !== undefined) worker.held.push(lease);
  } else if (dice < 50) {
    const lease = worker.held.at(-1);
    if (lease !== undefined) execute(lease, { type: "start", lease, containerName: "c" });
  } else if (dice < 72) {
    const lease = worker.held.pop();
    if (lease !== undefined) execute(lease, { type: "finish", lease, outcome: random.pick(OUTCOMES) });
    if (lease !== undefined) worker.stale.push(lease);
  } else if (dice < 78) {
    await store.renewLeases(worker.held, LEASE_MS);
  } else if (dice < 83) {
    worker.stale.push(...worker.held.splice(0));
  } else if (dice < 90) {
    for (const lease of await store.findExpiredLeases("queue")) execute(lease, { type: "reap", lease });
  } else if (dice < 94) {
    const zombie = worker.stale.at(-1);
    if (zombie === undefined) return;
    execute(zombie, { type: "finish", lease: zombie, outcome: random.pick(OUTCOMES) });
    return zombie;
  } else if (dice < 95) {
    store.executeNow(runId, { type: "request_cancel", actor: "user" });
  } else if (dice < 96) {
    store.executeNow(runId, { type: "request_stop", actor: "user" });
  } else if (dice < 98) {
    store.executeNow(runId, { type: "retry", jobs: "failed", actor: "user", owner: null });
  } else if (dice < 99) {
    const lease = worker.held.at(-1);
    if (lease !== undefined) execute(lease, { type: "begin_cancel", lease });
  } else {
    const waiting = store
      .detailNow(runId)!
      .jobs.filter(({ state }) => state === "manual" || state === "pending");
    if (waiting.length > 0)
      store.executeNow(runId, {
        type: "play",
        jobs: [random.pick(waiting).name],
        actor: "user",
        owner: null,
      });
  }
}

/** What a `finish` ended is the attempt of its own lease, or nothing. */
function checkFinisher(lease: Lease, before: AttemptRecord[], after: AttemptRecord[]): void {
  const open = before.filter(({ outcome }) => outcome === null).map(({ leaseToken }) => leaseToken);
  const ended = after.filter(({ outcome, leaseToken }) => outcome !== null && open.includes(leaseToken));
  if (ended.some(({ leaseToken }) => leaseToken !== lease.token))
    throw new Error("a worker ended another's attempt");
}

/** From here on nobody crashes: leases run out, the reaper reaps, one worker that has every label does all that is left. */
async function finishFairly(
  store: MemoryStore,
  runIds: string[],
  tick: () => number,
  check: () => void,
): Promise<void> {
  for (let round = 0; round < 60 * runIds.length; round += 1) {
    const now = tick();
    for (const lease of await store.findExpiredLeases("queue")) {
      store.executeNow(lease.runId, { type: "reap", lease });
      check();
    }
    const lease = claimAs(store, { name: "last", labels: ["gpu", "big"] }, `last-${round}`, now);
    check();
    if (lease === undefined) {
      const isIdle = runIds.every((runId) => !isGoingOn(store.detailNow(runId)!, now));
      if (isIdle && (await store.findExpiredLeases("queue")).length === 0) return;
      continue;
    }
    store.executeNow(lease.runId, { type: "start", lease, containerName: "c" });
    check();
    store.executeNow(lease.runId, { type: "finish", lease, outcome: OUTCOMES[0]! });
    check();
  }
}

/** Something is at work, or will be once its moment comes. */
function isGoingOn({ jobs }: RunDetail, now: number): boolean {
  return jobs.some(
    ({ state, notBefore }) =>
      ACTIVE_JOB_STATES.has(state) || (state === "pending" && notBefore !== null && notBefore > now),
  );
}

function checkStep(before: RunDetail, after: RunDetail, everOver: ReadonlySet<string>): void {
  if (after.run.status !== runStatus(after.jobs)) throw new Error("the run's status is not that of its jobs");
  if (after.run.warnings !== hasWarnings(after.jobs))
    throw new Error("the run's warnings are not those of its jobs");
  after.jobs.forEach((job, index) => {
    const old = before.jobs[index]!;
    if (old.state !== job.state && !isLegal(old.state, job.state)) {
      throw new Error(`${job.name}: ${old.state} → ${job.state}`);
    }
    const isReopened = after.run.cancelRequestedAt === null && after.run.stopRequestedAt === null;
    const hasLeftEnd = TERMINAL_JOB_STATES.has(old.state) && !TERMINAL_JOB_STATES.has(job.state);
    if (hasLeftEnd && !isReopened) throw new Error(`${job.name} left ${old.state} without a retry`);
    if (job.state === "running" && old.state !== "running") checkStart(after, index, everOver);
  });
  checkAttempts(before.attempts, after.attempts);
}

function isLegal(from: JobState, to: JobState): boolean {
  return LEGAL[from].includes(to);
}

/**
 * Independent of the scheduler's code: every need, or every job of an earlier stage, is over, or was before a user asked
 * for a further attempt of it.
 */
function checkStart(detail: RunDetail, index: number, everOver: ReadonlySet<string>): void {
  if (detail.run.cancelRequestedAt !== null || detail.run.stopRequestedAt !== null) {
    throw new Error("a job started after the run was told to start nothing more");
  }
  const planned = detail.run.plan.jobs[index]!;
  for (const other of detail.jobs) {
    const its = detail.run.plan.jobs[other.index]!;
    const isBefore =
      planned.needs === null ? its.stageIndex < planned.stageIndex : planned.needs.includes(its.name);
    if (isBefore && !isOver(other) && !everOver.has(its.name)) {
      throw new Error(`${planned.name} started while ${its.name} was ${other.state}`);
    }
  }
}

function isOver(job: JobRecord): boolean {
  return TERMINAL_JOB_STATES.has(job.state) || (job.state === "manual" && job.allowed);
}

function checkAttempts(before: AttemptRecord[], after: AttemptRecord[]): void {
  const now = new Map(after.map((attempt) => [`${attempt.jobId}#${attempt.number}`, attempt]));
  for (const old of before) {
    const same = now.get(`${old.jobId}#${old.number}`);
    if (same === undefined) throw new Error("an attempt was lost");
    if (old.outcome !== null && same !== old) throw new Error("a finished attempt was changed");
    if (same.leaseToken !== old.leaseToken) throw new Error("an attempt changed hands");
    const tokenWorker = same.leaseToken.split("-")[0];
    if (tokenWorker !== same.worker) throw new Error("the token of another worker");
  }
}

function outcome(status: Outcome["status"], exitCode: number | null): Outcome {
  const failureReason =
    status === "failed" ? ("script_failure" as const) : status === "canceled" ? ("canceled" as const) : null;
  return {
    status,
    exitCode,
    failureReason,
    message: null,
    logBytes: 0,
    logSha256: null,
    artifactLayer: null,
    artifacts: [],
  };
}
