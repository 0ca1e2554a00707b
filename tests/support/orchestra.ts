import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeEngine, type FakeProgram } from "../../src/executor/fake/fake-engine.ts";
import { FakeExecutor } from "../../src/executor/fake/fake-executor.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { readJunit } from "../../src/reports/junit.ts";
import type { Executor } from "../../src/run/executor.ts";
import { NO_SECRETS } from "../../src/run/secret-source.ts";
import type { RunDetail, Store } from "../../src/run/store.ts";
import { WORKER_TIMES, Worker, type WorkerOptions, type WorkerTimes } from "../../src/run/worker.ts";
import type { ArtifactReader, LayerStore } from "../../src/run/workspace.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { createLayerStore } from "../../src/workspace/layers.ts";
import { openStateDirectory, snapshotPathOf } from "../../src/workspace/state-directory.ts";
import { newRun } from "./plans.ts";

const INSTANCE = "testinstance";

/** The orchestrator on the fake executor and the memory store, with artifacts in a real directory. */
export class Orchestra implements AsyncDisposable {
  readonly store: Store;
  readonly engine: FakeEngine;
  readonly #layers: LayerStore & ArtifactReader;
  readonly #directory: string;
  #tokens = 0;

  private constructor(
    store: Store,
    engine: FakeEngine,
    layers: LayerStore & ArtifactReader,
    directory: string,
  ) {
    this.store = store;
    this.engine = engine;
    this.#layers = layers;
    this.#directory = directory;
  }

  static async open(
    options: { programs?: Record<string, FakeProgram>; files?: Record<string, string>; store?: Store } = {},
  ): Promise<Orchestra> {
    const directory = await mkdtemp(join(tmpdir(), "cicd-orchestra-"));
    const state = await openStateDirectory(join(directory, "state"));
    const snapshot = snapshotPathOf(
      state,
      newRun("any", { jobs: [], stages: [] } as unknown as Plan).source.tree,
    );
    await mkdir(snapshot, { recursive: true });
    for (const [name, text] of Object.entries(options.files ?? {}))
      await writeFile(join(snapshot, name), text);
    const engine = new FakeEngine(options.programs === undefined ? {} : { programs: options.programs });
    return new Orchestra(options.store ?? new MemoryStore(), engine, createLayerStore(state), directory);
  }

  worker(change: Partial<Omit<WorkerOptions, "times">> & { times?: Partial<WorkerTimes> } = {}): Worker {
    return new Worker({
      store: this.store,
      layers: this.#layers,
      executor: this.executor(),
      name: "worker",
      instance: INSTANCE,
      scope: { kind: "queue", executors: ["fake"], labels: [] },
      maxParallelJobs: 8,
      logLimitBytes: 1_000_000,
      secrets: NO_SECRETS,
      readJunit,
      newToken: () => {
        this.#tokens += 1;
        return `token-${this.#tokens}`;
      },
      ...change,
      times: { ...WORKER_TIMES, ...change.times },
    });
  }

  executor(): Executor {
    return new FakeExecutor(this.engine, INSTANCE);
  }

  /** Runs a plan to its end, or until it waits for a click. */
  async run(plan: Plan, change: Parameters<Orchestra["worker"]>[0] = {}): Promise<RunDetail> {
    const { id } = await this.store.createRun(newRun(`r${(await this.store.findRuns({})).length}`, plan));
    await using worker = this.worker({ scope: { kind: "runs", runIds: [id] }, ...change });
    await worker.run(new AbortController().signal);
    return (await this.store.readRun(id))!;
  }

  async log(detail: RunDetail, jobName: string): Promise<string> {
    const job = detail.jobs.find(({ name }) => name === jobName)!;
    const slice = await this.store.readLog({
      jobId: job.id,
      attempt: job.attempt,
      offset: 0,
      maxBytes: 10_000_000,
    });
    return new TextDecoder().decode(slice.bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** `name=state`, sorted by plan order. */
export function states(detail: RunDetail): string[] {
  return detail.jobs.map(({ name, state }) => `${name}=${state}`);
}

/** A promise and the function that fulfils it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Asks again and again until the answer is yes; fails after `deadlineMs`. */
export async function until(question: () => Promise<boolean> | boolean, deadlineMs = 10_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await question())) {
    if (performance.now() > end) throw new Error(`not so after ${deadlineMs} ms: ${question}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
