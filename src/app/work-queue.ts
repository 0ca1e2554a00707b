import type { Executor } from "../run/executor.ts";
import { pause } from "../run/persist.ts";
import type { Registry, WorkerRecord } from "../run/registry.ts";
import type { Store } from "../run/store.ts";
import { WORKER_TIMES, Worker } from "../run/worker.ts";
import type { ArtifactReader, LayerStore } from "../run/workspace.ts";
import type { App, ExecutorKind } from "./app.ts";
import { isAttemptLive } from "./live-attempt.ts";
import type { QueueObserver } from "./queue-event.ts";
import { reapQueue } from "./reap.ts";
import { WorkerReport } from "./report-worker.ts";
import { storedSecrets } from "./secrets.ts";
import { sweepQueue } from "./sweep-queue.ts";

export interface QueueWorkOptions {
  /** Of the program, for the list of workers. */
  version: string;
  /** The worker's name for people, unique on this host: `config.team.workerName`. */
  title: string;
  labels: string[];
  executor: ExecutorKind;
  /** How many jobs at a time. */
  slots: number;
  graceMs: number;
  logLimitBytes: number;
  /** How long a draining worker waits for what runs before it hands over; null: until it is done. */
  drainTimeoutMs: number | null;
  /** Ends the waiting at once. */
  handOver: AbortSignal;
  observe: QueueObserver;
}

interface Parts {
  store: Store;
  registry: Registry;
  layers: LayerStore & ArtifactReader;
  executor: Executor;
}

/**
 * Works on the queue of the app's database: runs jobs, deals with attempts whose lease ran out, removes what dead ones left
 * on this host, and keeps the worker's row in the registry. A database that goes away does not end it. Aborting `signal` drains
 * it: no new work, then what still runs after `drainTimeoutMs` is handed over, that is, goes on without this process until
 * the next one of the same title on this host adopts it. Throws WORKER_RUNNING, DOCKER_UNREACHABLE and what opening the
 * database throws, before any work.
 */
export async function workQueue(app: App, options: QueueWorkOptions, signal: AbortSignal): Promise<void> {
  const name = `${options.title}@${app.identity.instance}`;
  await using _lock = await app.lockWorker(name);
  const parts: Parts = {
    store: await app.store(),
    registry: await app.registry(),
    layers: await app.layers(),
    executor: await app.executor(options.executor),
  };
  await parts.executor.check();
  const startedAt = app.now();
  const { slots } = options;
  const watch = countLeft(options.observe);
  const worker = openWorker(app, parts, name, options, watch.observe);
  watch.observe({ type: "worker.started", worker: name, slots });
  let state: WorkerRecord["state"] = "active";
  const record = () => {
    const { title, version, labels } = options;
    const { activeJobs } = worker;
    const executors = [parts.executor.kind];
    return { name, title, version, executors, labels, slots, activeJobs, state, startedAt };
  };
  const report = new WorkerReport(parts.registry, record, watch.observe);
  const over = new AbortController();
  const upkeep = worker.ready.then(() => keepUp(app, parts, worker, watch.observe, over.signal));
  const leaving = drained(signal, options, over.signal, () => {
    state = "draining";
    watch.observe({ type: "worker.draining", activeJobs: worker.activeJobs });
    worker.drain();
    report.touch();
  });
  try {
    await worker.run(leaving);
  } finally {
    over.abort();
    state = "stopped";
    await Promise.all([upkeep, worker[Symbol.asyncDispose]()]);
    await report.stop();
    watch.observe({ type: "worker.stopped", left: watch.left });
  }
}

function openWorker(
  app: App,
  { store, layers, executor }: Parts,
  name: string,
  options: QueueWorkOptions,
  observe: QueueObserver,
): Worker {
  return new Worker({
    store,
    layers,
    executor,
    name,
    instance: app.identity.instance,
    scope: { kind: "queue", executors: [executor.kind], labels: options.labels },
    maxParallelJobs: options.slots,
    logLimitBytes: options.logLimitBytes,
    secrets: storedSecrets(app),
    readJunit: app.readJunit,
    times: { ...WORKER_TIMES, graceMs: options.graceMs },
    newToken: app.newId,
    observe,
  });
}

/** Reaps and sweeps, once the worker has taken up again what was its own. */
async function keepUp(
  app: App,
  { store, executor }: Parts,
  worker: Worker,
  observe: QueueObserver,
  signal: AbortSignal,
): Promise<void> {
  const isLive = async (labels: { run: string; job: string; attempt: number }) =>
    worker.isAtWorkOn(labels.job, labels.attempt) || (await isAttemptLive(app, store, labels));
  await Promise.all([reapQueue(store, observe, signal), sweepQueue(executor, isLive, observe, signal)]);
}

/** Aborts with `detach` when draining has taken long enough. */
function drained(
  signal: AbortSignal,
  { drainTimeoutMs, handOver }: QueueWorkOptions,
  over: AbortSignal,
  onDraining: () => void,
): AbortSignal {
  const leaving = new AbortController();
  const leave = () => leaving.abort("detach");
  const drain = async () => {
    onDraining();
    if (handOver.aborted) return leave();
    handOver.addEventListener("abort", leave, { once: true });
    if (drainTimeoutMs === null) return;
    await pause(drainTimeoutMs, over);
    leave();
  };
  if (signal.aborted) void drain();
  else signal.addEventListener("abort", () => void drain(), { once: true });
  return leaving.signal;
}

function countLeft(observe: QueueObserver): { observe: QueueObserver; readonly left: number } {
  let left = 0;
  return {
    observe: (event) => {
      if (event.type === "job.left") left += 1;
      observe(event);
    },
    get left() {
      return left;
    },
  };
}
