import type { Executor, StopReason } from "./executor.ts";
import { type EpochMs, type Lease, type RunRecord, TERMINAL_RUN_STATUSES } from "./records.ts";
import { type AttemptContext, type AttemptSignals, runAttempt } from "./run-attempt.ts";
import type { ClaimScope, Store } from "./store.ts";
import type { LayerStore } from "./workspace.ts";

/** STATES.md, "Numbers". All in milliseconds. */
export interface WorkerTimes {
  leaseMs: number;
  heartbeatMs: number;
  /** A worker that could not renew for so long stops its containers itself. */
  giveUpMs: number;
  pollMs: number;
  graceMs: number;
}

export const WORKER_TIMES: WorkerTimes = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  giveUpMs: 20_000,
  pollMs: 2_000,
  graceMs: 10_000,
};

export interface WorkerOptions {
  store: Store;
  layers: LayerStore;
  executor: Executor;
  /** Names the process: attempts of the same name are adopted. */
  name: string;
  instance: string;
  scope: ClaimScope;
  maxParallelJobs: number;
  logLimitBytes: number;
  times: WorkerTimes;
  now: () => EpochMs;
  /** A lease token that nobody can guess. */
  newToken: () => string;
}

interface Active {
  lease: Lease;
  abort: AbortController;
  /** By the monotonic clock. */
  renewedAt: number;
  done: Promise<void>;
}

/**
 * Claims jobs and runs their attempts, `maxParallelJobs` at a time, driven by the store's hints and by polling. It lives
 * from `run` to disposal; disposal waits for everything that attempts left to be cleaned up.
 */
export class Worker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #context: AttemptContext;
  readonly #active = new Map<string, Active>();
  readonly #runs = new Map<string, RunRecord>();
  readonly #cleanUps = new Set<Promise<void>>();
  readonly #lastEvent = new Map<string, number>();
  readonly #kill = new AbortController();
  #mayClaim = true;
  #stopping: StopReason | undefined;
  #failure: { error: unknown } | undefined;
  #wake: () => void = () => {};
  #isWoken = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { store, layers, executor, instance, logLimitBytes, now, times } = options;
    this.#context = { store, layers, executor, instance, logLimitBytes, now, graceMs: times.graceMs };
  }

  /**
   * Works until every run of a `runs` scope is finished, or the signal is aborted: with `cancel` or `kill` the attempts are
   * stopped so, with `detach` they are left running for the next owner. Throws what the store threw, after stopping
   * what runs.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { store, times } = this.#options;
    const onAbort = () => this.#stop(signal.reason as StopReason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    const heartbeat = setInterval(() => void this.#heartbeat(), times.heartbeatMs);
    using _hint = store.watch(() => this.#rouse());
    try {
      await this.#adoptOwn();
      while (!(await this.#turn())) await this.#sleep(times.pollMs);
    } catch (error) {
      this.#fail(error);
    } finally {
      await this.#drain();
      clearInterval(heartbeat);
      signal.removeEventListener("abort", onAbort);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Ends everything at once, even what was told to stop and has its grace: the second Ctrl-C. */
  kill(): void {
    this.#kill.abort();
    this.#stop("kill");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#cleanUps.size > 0) await Promise.allSettled(this.#cleanUps);
  }

  /** One round of looking and claiming; true when there is nothing more to do here. */
  async #turn(): Promise<boolean> {
    await this.#readRequests();
    if (this.#failure !== undefined || this.#stopping !== undefined) return this.#active.size === 0;
    if (this.#mayClaim) await this.#claimAll();
    return this.#active.size === 0 && (await this.#isFinished());
  }

  async #claimAll(): Promise<void> {
    const { store, name, scope, times, maxParallelJobs, newToken } = this.#options;
    while (this.#active.size < maxParallelJobs && this.#stopping === undefined) {
      const lease = await store.claimJob({ worker: name, token: newToken(), leaseMs: times.leaseMs, scope });
      if (lease === undefined) {
        this.#mayClaim = scope.kind === "queue";
        return;
      }
      await this.#begin(lease);
    }
  }

  /** Takes up again what an earlier process of this name has left running. */
  async #adoptOwn(): Promise<void> {
    const { store, name, scope } = this.#options;
    for (const attempt of await store.findAttemptsOf(name)) {
      const { runId, jobId, number, leaseToken } = attempt;
      if (scope.kind === "runs" && !scope.runIds.includes(runId)) continue;
      await this.#begin({ runId, jobId, attempt: number, token: leaseToken });
    }
  }

  async #begin(lease: Lease): Promise<void> {
    const run = this.#runs.get(lease.runId) ?? (await this.#options.store.readRun(lease.runId))?.run;
    if (run === undefined) return;
    this.#runs.set(run.id, run);
    const abort = new AbortController();
    const active: Active = { lease, abort, renewedAt: performance.now(), done: Promise.resolve() };
    this.#active.set(lease.jobId, active);
    active.done = this.#runOne(run, lease, { stop: abort.signal, kill: this.#kill.signal }).finally(() => {
      this.#active.delete(lease.jobId);
      this.#mayClaim = true;
      this.#rouse();
    });
  }

  async #runOne(run: RunRecord, lease: Lease, signals: AttemptSignals): Promise<void> {
    try {
      const cleanUp = await runAttempt(this.#context, run, lease, signals);
      const cleaning: Promise<void> = cleanUp()
        .catch(() => {
          // The sweep finds by label what could not be removed now.
        })
        .finally(() => this.#cleanUps.delete(cleaning));
      this.#cleanUps.add(cleaning);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Cancel requests and new work, from the events since the last look. */
  async #readRequests(): Promise<void> {
    const { scope, store } = this.#options;
    const runIds =
      scope.kind === "runs" ? scope.runIds : [...new Set([...this.#active.values()].map(runIdOf))];
    for (const runId of runIds) {
      for (;;) {
        const events = await store.readEvents(runId, this.#lastEvent.get(runId) ?? 0, EVENTS_PER_READ);
        for (const event of events) {
          this.#lastEvent.set(runId, event.id);
          if (event.type === "job.pending" || event.type === "job.requeued") this.#mayClaim = true;
          if (event.type === "run.cancel_requested") await this.#cancelRun(runId);
        }
        if (events.length < EVENTS_PER_READ) break;
      }
    }
  }

  /** Only if it still holds: a run may have been reopened since that event. */
  async #cancelRun(runId: string): Promise<void> {
    const mine = [...this.#active.values()].filter(({ lease }) => lease.runId === runId);
    if (mine.length === 0) return;
    const detail = await this.#options.store.readRun(runId);
    if (detail?.run.cancelRequestedAt == null) return;
    for (const { abort } of mine) abort.abort("cancel" satisfies StopReason);
  }

  async #isFinished(): Promise<boolean> {
    const { scope, store } = this.#options;
    if (scope.kind === "queue") return false;
    for (const runId of scope.runIds) {
      const detail = await store.readRun(runId);
      if (detail === undefined) continue;
      const { status } = detail.run;
      if (!TERMINAL_RUN_STATUSES.has(status) && status !== "manual") return false;
    }
    return true;
  }

  async #heartbeat(): Promise<void> {
    const { store, times } = this.#options;
    const actives = [...this.#active.values()];
    if (actives.length === 0) return;
    const now = performance.now();
    try {
      const states = await store.renewLeases(
        actives.map(({ lease }) => lease),
        times.leaseMs,
      );
      states.forEach((state, index) => {
        const active = actives[index]!;
        if (state.state === "lost") active.abort.abort("lease_lost" satisfies StopReason);
        else active.renewedAt = now;
        if (state.state === "held" && state.cancelRequested)
          active.abort.abort("cancel" satisfies StopReason);
      });
    } catch {
      for (const active of actives) {
        if (now - active.renewedAt > times.giveUpMs) active.abort.abort("lease_lost" satisfies StopReason);
      }
    }
  }

  #stop(reason: StopReason): void {
    this.#stopping = reason;
    for (const { abort } of this.#active.values()) abort.abort(reason);
    this.#rouse();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.kill();
  }

  async #drain(): Promise<void> {
    while (this.#active.size > 0)
      await Promise.allSettled([...this.#active.values()].map(({ done }) => done));
  }

  #rouse(): void {
    this.#isWoken = true;
    this.#wake();
  }

  async #sleep(ms: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.#mayClaim = true;
          resolve();
        }, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = () => {};
    }
    this.#isWoken = false;
  }
}

const EVENTS_PER_READ = 500;

function runIdOf({ lease }: Active): string {
  return lease.runId;
}
