import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Lease, Outcome } from "../../src/run/records.ts";
import type { Store } from "../../src/run/store.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";
import { FAILURE, SUCCESS } from "../contract/store/acts.ts";
import { newRun, randomPlan } from "../support/plans.ts";
import { newSchema } from "../support/postgres.ts";
import { Random } from "../support/random.ts";
import { newDatabasePath } from "../support/sqlite.ts";

const SEQUENCES = 320;
const STEPS = 14;
/** Delays that end in no sequence: the stores have clocks of their own. */
const NEVER_MS = 6 * 86_400_000;
/** Sequences of different runs go on at the same time: it is the database's latency that takes the time. */
const AT_ONCE = 8;

const stores: Store[] = [];
/** Takes turns with the last of them: two processes on one database, each of which must notice what the other has changed. */
let other: Store;
let turns = 0;
const database = newDatabasePath({ inMemory: true });
let schema: Awaited<ReturnType<typeof newSchema>>;

beforeAll(async () => {
  schema = await newSchema();
  stores.push(
    new MemoryStore(),
    await openSqliteStore({ path: database.path }),
    await openPostgresStore({ url: `${schema.url}&synchronous_commit=off` }),
  );
  other = await openPostgresStore({ url: `${schema.url}&synchronous_commit=off` });
}, 60_000);

afterAll(async () => {
  for (const store of [...stores, other]) await store[Symbol.asyncDispose]();
  database.remove();
  await schema.drop();
});

/** One act on a store; the same random choices are made for each store, on the same answers. */
type Act = (store: Store) => Promise<unknown>;

test(`${SEQUENCES} random sequences leave the same rows, events and answers in every store`, async () => {
  const seeds = Array.from({ length: SEQUENCES }, (_, i) => i + 1);
  const counts: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) await runSequence(seed, counts);
    }),
  );
  for (const kind of ["done", "noop", "lost", "conflict", "canceled", "stored", "gap", "claimed"]) {
    expect([kind, counts[kind] ?? 0]).toEqual([kind, expect.any(Number)]);
    expect(counts[kind] ?? 0).toBeGreaterThan(0);
  }
}, 60_000);

async function runSequence(seed: number, counts: Record<string, number>): Promise<void> {
  const random = new Random(seed);
  const runId = `run-${String(seed).padStart(3, "0")}`;
  const plan = randomPlan(random, { jobs: 6, stages: 3, delayMs: NEVER_MS });
  const { source } = newRun(runId, plan);
  const input = newRun(runId, plan, {
    source: { ...source, repo: { key: `/repo-${seed}`, name: "repo" } },
    mode: "local",
  });
  const leases: Lease[] = [];
  await onAll(seed, (store) => store.createRun(input));
  for (let step = 0; step < STEPS; step += 1) {
    const answer = await onAll(seed, nextAct(random, runId, leases, step));
    for (const kind of kindsOf(answer)) counts[kind] = (counts[kind] ?? 0) + 1;
    if (isLease(answer)) leases.push(answer);
  }
  await onAll(seed, (store) => store.readRun(runId));
  await onAll(seed, (store) => store.readEvents(runId, 0, 10_000));
  for (const { jobId, attempt } of leases) {
    await onAll(seed, async (store) => {
      const slice = await store.readLog({ jobId, attempt, offset: 0, maxBytes: 1_000 });
      return { ...slice, bytes: Buffer.from(slice.bytes).toString() };
    });
  }
}

function nextAct(random: Random, runId: string, leases: Lease[], step: number): Act {
  const known = leases.length === 0 ? undefined : random.pick(leases);
  const lease = known && random.chance(0.1) ? { ...known, token: "stolen" } : known;
  const outcome = randomOutcome(random);
  const offset = random.pick([0, 0, 3]);
  const renewalMs = random.chance(0.2) ? -10 : 60_000;
  const played = `j${random.below(6)}`;
  const choice = random.below(20);
  const claim = {
    worker: `w${step % 2}`,
    token: `${runId}-${step}`,
    leaseMs: random.chance(0.8) ? 60_000 : -10,
  };
  if (lease === undefined || choice < 6) {
    if (choice === 19) return (store) => store.execute(runId, { type: "request_cancel", actor: "me" });
    return (store) => store.claimJob({ ...claim, scope: { kind: "runs", runIds: [runId] } });
  }
  if (choice < 9)
    return (store) => store.execute(runId, { type: "start", lease, containerName: `box-${step}` });
  if (choice < 13) return (store) => store.execute(runId, { type: "finish", lease, outcome });
  if (choice < 14) return (store) => store.execute(runId, { type: "begin_cancel", lease });
  if (choice < 15) return (store) => store.execute(runId, { type: "reap", lease });
  if (choice < 16) return (store) => store.appendLog({ ...lease, offset, bytes: Buffer.from("log") });
  if (choice < 17) return (store) => store.renewLeases(leases, renewalMs);
  if (choice < 18)
    return (store) => store.execute(runId, { type: "retry", jobs: "failed", actor: "me", owner: null });
  if (choice < 19)
    return (store) => store.execute(runId, { type: "play", jobs: [played], actor: "me", owner: null });
  const type = random.chance(0.5) ? "request_cancel" : "request_stop";
  return (store) => store.execute(runId, { type, actor: "me" });
}

function randomOutcome(random: Random): Outcome {
  const artifacts = random.chance(0.3)
    ? [{ path: "dist/x", sizeBytes: random.below(100), sha256: "aa" }]
    : [];
  const outcome = random.chance(0.5) ? SUCCESS : { ...FAILURE, exitCode: random.pick([1, 3]) };
  const results = random.chance(0.2)
    ? { coverage: random.below(100), tests: null, dotenv: { A: String(random.below(9)) }, reportLayer: null }
    : null;
  return { ...outcome, results, artifacts, artifactLayer: artifacts.length === 0 ? null : "layer" };
}

/** Does the same on every store; what they answer must be equal but for times and event ids. */
async function onAll(seed: number, act: Act): Promise<unknown> {
  const answers = [];
  turns += 1;
  for (const store of turns % 3 === 0 ? stores.with(-1, other) : stores) answers.push(await act(store));
  const [memory, sqlite, postgres] = answers.map(timeless);
  expect({ seed, answer: sqlite }).toEqual({ seed, answer: memory });
  expect({ seed, answer: postgres }).toEqual({ seed, answer: memory });
  return answers[0];
}

const TIMES = new Set([
  "at",
  "createdAt",
  "queuedAt",
  "notBefore",
  "assignedAt",
  "startedAt",
  "finishedAt",
  "cancelRequestedAt",
  "stopRequestedAt",
  "leaseUntil",
  "durationMs",
  "busyMs",
  "busySince",
]);

/** As JSON; whether a time is set counts, the time itself does not. */
function timeless(value: unknown): unknown {
  if (value === undefined) return null;
  const text = JSON.stringify(value, (key, inner) => {
    if (TIMES.has(key)) return inner === null ? null : "a time";
    return key === "id" && typeof inner === "number" ? "an event" : inner;
  });
  return JSON.parse(text);
}

function isLease(answer: unknown): answer is Lease {
  return typeof answer === "object" && answer !== null && "token" in answer;
}

function kindsOf(answer: unknown): string[] {
  if (typeof answer === "string") return [answer];
  if (isLease(answer)) return ["claimed"];
  if (typeof answer === "object" && answer !== null && "kind" in answer) return [String(answer.kind)];
  return [];
}
