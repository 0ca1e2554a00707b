import { existsSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "../../src/plan/plan.ts";
import type { Outcome } from "../../src/run/records.ts";
import type { NewRun, Store } from "../../src/run/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";

export const STORED_RUNS = 10_000;
const JOBS = 4;
const LEASE_MS = 60_000;
const SUCCESS: Outcome = {
  status: "success",
  exitCode: 0,
  failureReason: null,
  message: null,
  logBytes: 0,
  logSha256: null,
  artifactLayer: null,
  artifacts: [],
};

/**
 * Adds finished runs to a database that holds one already, until there are `STORED_RUNS` of its pipeline, each of four jobs. They go through
 * every state as real ones do. In memory where there is a file system for that: each end of a job waits for the disk.
 */
export async function storeRunsInFile(path: string): Promise<void> {
  const directory = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "cicd-bench-"));
  try {
    const copy = join(directory, "cicd.db");
    await copyFile(path, copy);
    if (existsSync(`${path}-wal`)) await copyFile(`${path}-wal`, `${copy}-wal`);
    {
      await using store = await openSqliteStore({ path: copy });
      const [first] = await store.findRuns({ limit: 1 });
      await storeRuns(store, first!, STORED_RUNS - 1);
    }
    await rm(`${path}-wal`, { force: true });
    await rm(`${path}-shm`, { force: true });
    await copyFile(copy, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Stores `count` runs like `model`, of four jobs each, and ends them. */
export async function storeRuns(store: Store, model: NewRun, count: number): Promise<void> {
  const plan = withJobs(model.plan, JOBS);
  for (let n = 0; n < count; n++) {
    const { id } = await store.createRun({ ...model, id: crypto.randomUUID(), plan });
    for (let job = 0; job < JOBS; job++) await runOne(store, id);
  }
}

async function runOne(store: Store, runId: string): Promise<void> {
  const lease = await store.claimJob({
    worker: "bench",
    token: crypto.randomUUID(),
    leaseMs: LEASE_MS,
    scope: { kind: "runs", runIds: [runId] },
  });
  if (lease === undefined) throw new Error(`run ${runId} has no job to claim`);
  await store.execute(runId, { type: "start", lease, containerName: `bench-${lease.jobId}` });
  await store.execute(runId, { type: "finish", lease, outcome: SUCCESS });
}

function withJobs(plan: Plan, count: number): Plan {
  const [job] = plan.jobs;
  const jobs = Array.from({ length: count }, (_, index) => ({ ...job!, name: `job-${index}` }));
  return { ...plan, jobs };
}
