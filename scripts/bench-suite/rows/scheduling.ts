import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followRun } from "../../../src/app/follow-run.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import type { Store } from "../../../src/run/store.ts";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.ts";
import { Orchestra } from "../../../tests/support/orchestra.ts";
import { newRun, plannedJob, planOf } from "../../../tests/support/plans.ts";
import { newSchema } from "../../../tests/support/postgres.ts";
import { type Finding, type Row, type Side, sideOf } from "../row.ts";

const SIZES = [100, 1_000, 5_000] as const;
const SLOTS = 8;
const LAYER = 50;
/** Quadratic growth would make this 5. */
const MOST_GROWTH = 1.5;

/** Job by job; one, then all others at once, then one; stages of 50 jobs. */
const SHAPES: Record<string, (jobs: number) => Plan> = { chain, fan, layers };

/**
 * What a job costs beside its container: one process drives plans of jobs that do nothing, on the fake executor, from the run's
 * creation to its end, and somebody follows its events. No goal is set for the times themselves.
 */
export const scheduling: Row = {
  name: "scheduling",
  title: "what a job costs in plans of 100, 1,000 and 5,000 jobs, without containers",
  isCheap: false,
  async measure() {
    return [...(await measureSqlite()), ...(await measurePostgres())];
  },
};

async function measureSqlite(): Promise<Finding[]> {
  const directory = await mkdtemp(join(tmpdir(), "cicd-bench-scheduling-"));
  try {
    let databases = 0;
    return await measureShapes("SQLite", SHAPES, () =>
      openSqliteStore({ path: join(directory, `${databases++}.db`) }),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** One shape, for it takes minutes. Nothing where there is no server. */
async function measurePostgres(): Promise<Finding[]> {
  const database = await newSchema().catch(() => undefined);
  if (database === undefined) return [];
  try {
    return await measureShapes("PostgreSQL", { layers }, () => openPostgresStore({ url: database.url }));
  } finally {
    await database.drop();
  }
}

async function measureShapes(
  kind: string,
  shapes: typeof SHAPES,
  open: () => Promise<Store>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [shape, planOfSize] of Object.entries(shapes)) {
    const sides: Side[] = [];
    for (const size of SIZES) {
      sides.push(sideOf(`${size} jobs`, "ms", [await msPerJob(await open(), planOfSize(size))]));
    }
    findings.push(growth(`${shape} on ${kind}`, sides));
  }
  return findings;
}

async function msPerJob(store: Store, plan: Plan): Promise<number> {
  await using orchestra = await Orchestra.open({ store });
  const id = crypto.randomUUID();
  const startedAt = performance.now();
  await store.createRun(newRun(id, plan));
  await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] }, maxParallelJobs: SLOTS });
  const never = new AbortController().signal;
  await Promise.all([worker.run(never), follow(store, id, never)]);
  const tookMs = performance.now() - startedAt;
  const status = (await store.readRunRecord(id))?.status;
  if (status !== "success") throw new Error(`the run ended as ${status}`);
  return tookMs / plan.jobs.length;
}

async function follow(store: Store, runId: string, signal: AbortSignal): Promise<void> {
  for await (const _ of followRun(store, runId, { logs: false }, signal));
}

function growth(what: string, sides: Side[]): Finding {
  const [, middle, large] = sides.map(({ median }) => median) as [number, number, number];
  const value = large / middle;
  return {
    ...{ what: `a job of a ${what}`, sides, value, limit: MOST_GROWTH, holds: value <= MOST_GROWTH },
    goal: `of 5,000: ≤ ${MOST_GROWTH} × of 1,000`,
    result: `${value.toFixed(2)} ×`,
  };
}

function chain(count: number): Plan {
  return planOf(
    indexes(count).map((n) => plannedJob(`job-${n}`, { needs: n === 0 ? [] : [`job-${n - 1}`] })),
  );
}

function fan(count: number): Plan {
  const middle = indexes(count - 2).map((n) => plannedJob(`job-${n}`, { needs: ["first"] }));
  const needs = middle.map(({ name }) => name);
  return planOf([plannedJob("first", { needs: [] }), ...middle, plannedJob("last", { needs })]);
}

function layers(count: number): Plan {
  return planOf(
    indexes(count).map((n) => {
      const stageIndex = Math.floor(n / LAYER);
      return plannedJob(`job-${n}`, { stage: `stage-${stageIndex}`, stageIndex });
    }),
  );
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
