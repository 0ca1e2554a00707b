import { Alarms } from "./alarms.ts";
import { type AttemptContext, plannedOf } from "./attempt.ts";
import type { Executor, StopReason } from "./executor.ts";
import { type HeldLease, LeaseKeeper } from "./lease-keeper.ts";
import { type Outlook, RunOutlook } from "./outlook.ts";
import { backoffMs, once, type Persist, pause, persistently } from "./persist.ts";
import { type Lease, type RunRecord, TERMINAL_RUN_STATUSES } from "./records.ts";
import { runAttempt } from "./run-attempt.ts";
import type { SecretSource } from "./secret-source.ts";
import type { ClaimScope, Store } from "./store.ts";
import { Wakeable } from "./wakeable.ts";
import { endEvent, type WatchedAttempt, type WorkerEvent, watchedAttempt } from "./worker-event.ts";

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
  layers: AttemptContext["layers"];
  executor: Executor;
  /** Names the process: attempts of the same name are adopted. */
  name: string;
  instance: string;
  scope: ClaimScope;
  maxParallelJobs: number;
  logLimitBytes: number;
  secrets: SecretSource;
  readJunit: AttemptContext["readJunit"];
  times: WorkerTimes;
  /** A lease token that nobody can guess. */
  newToken: () => string;
  observe?: (event: WorkerEvent) => void;
}

interface Active extends HeldLease {
  abort: AbortController;
  isAdopted: boolean;
  /** It waits for jobs of another run and takes no slot from them. */
  isWaiting: boolean;
  done: Promise<void>;
}

/** While the database is away. */
const LONGEST_PAUSE_MS = 10_000;
/** Of what an attempt must store: it waits for nothing else. */
const LONGEST_ATTEMPT_PAUSE_MS = 2_000;
/** A busy database gives hints all the time. */
const HINT_MS = 50;
const KEPT_RUNS = 64;
const EVENTS_PER_READ = 500;

/**
 * Claims jobs and runs their attempts, `maxParallelJobs` at a time, driven by the store's hints and by polling. It lives
 * from `run` to disposal; disposal waits for everything that attempts left to be cleaned up.
 */
export class Worker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #context: AttemptContext;
  readonly #observe: (event: WorkerEvent) => void;
  readonly #persist: Persist;
  readonly #active = new Map<string, Active>();
  readonly #runs = new Map<string, RunRecord>();
  readonly #outlooks = new Map<string, RunOutlook>();
  readonly #cleanUps = new Set<Promise<void>>();
  readonly #lastEvent = new Map<string, number>();
  readonly #kill = new AbortController();
  readonly #leave = new AbortController();
  readonly #ending = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #sleep = new Wakeable();
  #mayClaim = true;
  /** When there was last nothing to claim: hints that come all the time put off no poll. */
  #idleSince = 0;
  /** For the moments that delayed jobs wait for. */
  readonly #alarms = new Alarms(() => this.#wakeToClaim());
  /** The executor could start nothing when it was last asked: jobs are left to other workers. */
  #isImpaired = false;
  #stopping: StopReason | undefined;
  #failure: { error: unknown } | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { store, layers, executor, instance, logLimitBytes, secrets, readJunit, times } = options;
    this.#observe = options.observe ?? (() => {});
    this.#persist = this.#isOfQueue ? persistently(this.#observe, LONGEST_ATTEMPT_PAUSE_MS) : once;
    const { graceMs, leaseMs } = times;
    const persist = this.#persist;
    const parts = { store, layers, executor, secrets, readJunit, persist };
    const onChild = (runId: string) => this.#drive(runId);
    this.#context = { ...parts, onChild, instance, logLimitBytes, graceMs, leaseMs };
  }

  /** Fulfilled when attempts of an earlier process have been taken up, or `run` is over. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get activeJobs(): number {
    return [...this.#active.values()].filter(({ isWaiting }) => !isWaiting).length;
  }

  /** Whether this process is at work on an attempt, its lease aside. */
  isAtWorkOn(jobId: string, attempt: number): boolean {
    return this.#active.get(jobId)?.lease.attempt === attempt;
  }

  /**
   * Works until every run of a `runs` scope is finished, or it was told to drain and nothing runs, or the signal is aborted:
   * with `cancel` or `kill` the attempts are stopped so, with `detach` they are left running for the next owner. With a `runs`
   * scope it throws what the store threw, after stopping what runs; with `queue` no failure of the store ends it.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { store, times } = this.#options;
    const onAbort = () => this.#stop(signal.reason as StopReason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    using keeper = new LeaseKeeper(store, times, () => [...this.#active.values()], this.#observe);
    using _hint = store.watch(() => this.#sleep.wake(this.#isOfQueue ? HINT_MS : 0));
    try {
      await this.#adoptOwn();
      this.#ready.resolve();
      for (let failures = 0; !(await this.#isDone()); ) {
        failures = (await this.#tryTurn(keeper)) ? 0 : failures + 1;
        if (failures > 0) await pause(backoffMs(failures, LONGEST_PAUSE_MS), this.#ending.signal);
        else if (!(await this.#sleep.sleep(times.pollMs))) this.#mayClaim = true;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      await this.#drained();
      this.#alarms[Symbol.dispose]();
      this.#ready.resolve();
      signal.removeEventListener("abort", onAbort);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Claims nothing more; `run` ends with what runs now. */
  drain(): void {
    this.#ending.abort();
    this.#sleep.wake();
  }

  /** Ends everything at once, even what was told to stop and has its grace: the second Ctrl-C. */
  kill(): void {
    this.#kill.abort();
    this.#stop("kill");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#cleanUps.size > 0) await Promise.allSettled(this.#cleanUps);
  }

  get #isOfQueue(): boolean {
    return this.#options.scope.kind === "queue";
  }

  /** False: the store failed, and it is to be tried again. */
  async #tryTurn(keeper: LeaseKeeper): Promise<boolean> {
    try {
      if (this.#isOfQueue) keeper.hint();
      else await this.#readRequests();
      if (performance.now() - this.#idleSince >= this.#options.times.pollMs) this.#mayClaim = true;
      if (!this.#ending.signal.aborted && this.#mayClaim) await this.#claimAll();
      return true;
    } catch (error) {
      if (!this.#isOfQueue) throw error;
      this.#observe({ type: "trouble", doing: "claim jobs", error });
      return false;
    }
  }

  async #isDone(): Promise<boolean> {
    if (this.#active.size > 0) return false;
    if (this.#ending.signal.aborted) return true;
    const { scope, store } = this.#options;
    if (scope.kind === "queue") return false;
    for (const runId of scope.runIds) {
      const run = await store.readRunRecord(runId);
      if (run === undefined || TERMINAL_RUN_STATUSES.has(run.status) || run.status === "manual") continue;
      return false;
    }
    return true;
  }

  async #claimAll(): Promise<void> {
    const { store, name, scope, times, maxParallelJobs, newToken } = this.#options;
    if (this.#isImpaired) await this.#checkExecutor();
    while (this.activeJobs < maxParallelJobs && !this.#ending.signal.aborted && !this.#isImpaired) {
      const askedAt = performance.now();
      const lease = await store.claimJob({ worker: name, token: newToken(), leaseMs: times.leaseMs, scope });
      if (lease === undefined) {
        this.#mayClaim = this.#isOfQueue;
        this.#idleSince = performance.now();
        return;
      }
      this.#begin(lease, askedAt, false);
    }
  }

  /** Takes up again what an earlier process of this name has left running, as far as its leases can be renewed. */
  async #adoptOwn(): Promise<void> {
    const { store, name, scope, times } = this.#options;
    const renew = async () => {
      const leases: Lease[] = [];
      for (const { runId, jobId, number, leaseToken } of await store.findAttemptsOf(name)) {
        if (scope.kind === "runs" && !scope.runIds.includes(runId)) continue;
        const lease = { runId, jobId, attempt: number, token: leaseToken };
        if (await this.#canAdopt(lease)) leases.push(lease);
      }
      const askedAt = performance.now();
      const states = leases.length === 0 ? [] : await store.renewLeases(leases, times.leaseMs);
      for (const { lease, state } of states) if (state === "held") this.#begin(lease, askedAt, true);
    };
    while (!this.#ending.signal.aborted) {
      try {
        return await this.#persist("take up what an earlier process left", renew, this.#ending.signal);
      } catch (error) {
        if (!this.#isOfQueue) throw error;
        await pause(LONGEST_PAUSE_MS, this.#ending.signal);
      }
    }
  }

  /** An earlier process of this name may have had another executor: its attempts are left to the reaper. */
  async #canAdopt(lease: Lease): Promise<boolean> {
    const run = await this.#findRun(lease.runId, this.#ending.signal);
    if (run === undefined || run.executor === this.#options.executor.kind) return run !== undefined;
    this.#observe({ type: "job.lost", job: watchedAttempt(run, lease) });
    return false;
  }

  #begin(lease: Lease, renewedAt: number, isAdopted: boolean): void {
    const abort = new AbortController();
    const active: Active = {
      lease,
      renewedAt,
      abort,
      isAdopted,
      isWaiting: false,
      cancel: () => abort.abort("cancel" satisfies StopReason),
      lose: () => abort.abort("lease_lost" satisfies StopReason),
      done: Promise.resolve(),
    };
    this.#active.set(lease.jobId, active);
    active.done = this.#runOne(active).finally(() => {
      this.#active.delete(lease.jobId);
      this.#wakeToClaim();
    });
    if (this.#stopping !== undefined) abort.abort(this.#stopping);
  }

  async #runOne(active: Active): Promise<void> {
    const { lease, abort, isAdopted } = active;
    const startedAt = performance.now();
    let watched: WatchedAttempt | undefined;
    try {
      const run = await this.#findRun(lease.runId, abort.signal);
      if (run === undefined) return;
      // A job that is claimed and never started goes back into the queue when its lease runs out.
      if (this.#isOfQueue && !isAdopted) await this.#checkExecutor();
      active.isWaiting = plannedOf(run, lease).trigger !== null;
      if (active.isWaiting) this.#wakeToClaim();
      watched = watchedAttempt(run, lease);
      this.#observe({ type: isAdopted ? "job.adopted" : "job.claimed", job: watched });
      const signals = { stop: abort.signal, kill: this.#kill.signal, leave: this.#leave.signal };
      const about = { isAdopted, toCome: this.#lookAhead(run, lease) };
      const { end, cleanUp } = await runAttempt(this.#context, run, lease, signals, about);
      this.#cleanUpLater(cleanUp);
      const durationMs = performance.now() - startedAt;
      const recordedMs = isAdopted && end.kind === "recorded" ? await this.#recordedMs(lease) : undefined;
      this.#observe(endEvent(end, watched, recordedMs ?? durationMs));
    } catch (error) {
      if (!this.#isOfQueue) return this.#fail(error);
      this.#observe({ type: "trouble", doing: watched ? "record an attempt" : "begin an attempt", error });
      if (watched !== undefined) this.#observe({ type: "job.lost", job: watched });
    }
  }

  /** Whoever drives a run drives those that its jobs start. */
  #drive(runId: string): void {
    const { scope } = this.#options;
    if (scope.kind === "runs" && !scope.runIds.includes(runId)) scope.runIds.push(runId);
    this.#wakeToClaim();
  }

  #wakeToClaim(): void {
    this.#mayClaim = true;
    this.#sleep.wake();
  }

  /** How long an attempt took over all its owners; undefined where the store does not say. */
  async #recordedMs({ runId, jobId, attempt }: Lease): Promise<number | undefined> {
    const detail = await this.#options.store.readRun(runId).catch(() => undefined);
    const record = detail?.attempts.find((each) => each.jobId === jobId && each.number === attempt);
    const { startedAt = null, finishedAt = null } = record ?? {};
    return startedAt === null || finishedAt === null ? undefined : finishedAt - startedAt;
  }

  async #checkExecutor(): Promise<void> {
    try {
      await this.#options.executor.check();
      this.#isImpaired = false;
    } catch (error) {
      this.#isImpaired = true;
      throw error;
    }
  }

  async #findRun(runId: string, giveUp: AbortSignal): Promise<RunRecord | undefined> {
    const known = this.#runs.get(runId);
    if (known !== undefined) return known;
    const { store } = this.#options;
    const run = await this.#persist("read a run", () => store.readRunRecord(runId), giveUp);
    if (run === undefined) return undefined;
    this.#runs.set(runId, run);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > KEPT_RUNS) {
      this.#runs.delete(oldest!);
      this.#outlooks.delete(oldest!);
    }
    return run;
  }

  #lookAhead(run: RunRecord, lease: Lease): Outlook {
    const outlook = this.#outlooks.get(run.id) ?? new RunOutlook(run.plan, this.#options.maxParallelJobs);
    this.#outlooks.set(run.id, outlook);
    return outlook.begin(plannedOf(run, lease));
  }

  #cleanUpLater(cleanUp: () => Promise<void>): void {
    const cleaning: Promise<void> = cleanUp()
      .catch(() => {
        // The sweep finds by label what could not be removed now.
      })
      .finally(() => this.#cleanUps.delete(cleaning));
    this.#cleanUps.add(cleaning);
  }

  /** Cancel requests and new work of a `runs` scope, from the events since the last look. */
  async #readRequests(): Promise<void> {
    const { scope, store } = this.#options;
    for (const runId of scope.kind === "runs" ? scope.runIds : []) {
      for (;;) {
        const events = await store.readEvents(runId, this.#lastEvent.get(runId) ?? 0, EVENTS_PER_READ);
        for (const event of events) {
          this.#lastEvent.set(runId, event.id);
          if (event.type === "job.pending" || event.type === "job.requeued") this.#mayClaim = true;
          if (typeof event.data.notBefore === "number") this.#alarms.set(event.data.notBefore);
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
    const run = await this.#options.store.readRunRecord(runId);
    if (run?.cancelRequestedAt == null) return;
    for (const active of mine) active.cancel();
  }

  #stop(reason: StopReason): void {
    this.#stopping = reason;
    if (reason === "detach") this.#leave.abort();
    this.#ending.abort();
    for (const { abort } of this.#active.values()) abort.abort(reason);
    this.#sleep.wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.kill();
  }

  async #drained(): Promise<void> {
    while (this.#active.size > 0)
      await Promise.allSettled([...this.#active.values()].map(({ done }) => done));
  }
}
