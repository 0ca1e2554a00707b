import type { AttemptRecord, JobRecord, Lease, Outcome } from "../../../src/run/records.ts";
import type { ClaimScope, RunDetail, Store } from "../../../src/run/store.ts";
import { newRun, plannedJob, planOf } from "../../support/plans.ts";

/** Whatever a queue holds in these tests. */
export const QUEUE: ClaimScope = { kind: "queue", executors: ["docker", "shell", "fake"], labels: [] };

/** Two jobs side by side, then one that needs both. */
export const THREE_JOBS = planOf([
  plannedJob("left"),
  plannedJob("right"),
  plannedJob("after", { stage: "test", stageIndex: 1 }),
]);

export const ONE_JOB = planOf([plannedJob("only")]);

export const SUCCESS: Outcome = {
  status: "success",
  exitCode: 0,
  failureReason: null,
  message: null,
  logBytes: 0,
  logSha256: null,
  artifactLayer: null,
  artifacts: [],
};

export const FAILURE: Outcome = {
  ...SUCCESS,
  status: "failed",
  exitCode: 1,
  failureReason: "script_failure",
  message: "exit status 1",
};

let tokens = 0;

export async function claim(
  store: Store,
  options: { worker?: string; leaseMs?: number; scope?: ClaimScope } = {},
): Promise<Lease | undefined> {
  tokens += 1;
  return store.claimJob({
    worker: options.worker ?? "worker-1",
    token: `token-${tokens}`,
    leaseMs: options.leaseMs ?? 30_000,
    scope: options.scope ?? QUEUE,
  });
}

/** A lease on the next job; fails where there is none. */
export async function claimed(store: Store, options: Parameters<typeof claim>[1] = {}): Promise<Lease> {
  const lease = await claim(store, options);
  if (lease === undefined) throw new Error("nothing to claim");
  return lease;
}

export async function started(store: Store, options: Parameters<typeof claim>[1] = {}): Promise<Lease> {
  const lease = await claimed(store, options);
  await store.execute(lease.runId, { type: "start", lease, containerName: `box-${lease.jobId}` });
  return lease;
}

export async function finish(store: Store, lease: Lease, outcome: Outcome = SUCCESS) {
  return store.execute(lease.runId, { type: "finish", lease, outcome });
}

/** A run of one job that has ended. */
export async function finishedRun(store: Store, id: string, outcome: Outcome = SUCCESS): Promise<Lease> {
  await store.createRun(newRun(id, ONE_JOB));
  const lease = await started(store, { scope: { kind: "runs", runIds: [id] } });
  await finish(store, lease, outcome);
  return lease;
}

export async function detail(store: Store, runId: string): Promise<RunDetail> {
  const found = await store.readRun(runId);
  if (found === undefined) throw new Error(`no run ${runId}`);
  return found;
}

export async function job(store: Store, runId: string, name: string): Promise<JobRecord> {
  const found = (await detail(store, runId)).jobs.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
}

export async function attemptOf(store: Store, lease: Lease): Promise<AttemptRecord> {
  const { attempts } = await detail(store, lease.runId);
  const found = attempts.find(({ jobId, number }) => jobId === lease.jobId && number === lease.attempt);
  if (found === undefined) throw new Error("no such attempt");
  return found;
}
