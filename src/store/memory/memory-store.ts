import { planPriorities } from "../../plan/priorities.ts";
import type { Command, CommandResult } from "../../run/command.ts";
import { newAttempt, newJobs, newRunRecord } from "../../run/new-rows.ts";
import { phasesOf, type RecordedPhases } from "../../run/phases.ts";
import {
  ACTIVE_JOB_STATES,
  type ArtifactRecord,
  type AttemptRecord,
  type EpochMs,
  type JobRecord,
  type Lease,
  type NewRunEvent,
  type Owner,
  type RunEvent,
  type RunRecord,
  TERMINAL_RUN_STATUSES,
} from "../../run/records.ts";
import { type RunChanges, RunState } from "../../run/run-state.ts";
import type {
  ClaimScope,
  JobLine,
  LeaseState,
  LogChunk,
  LogSlice,
  NewRun,
  RecordedTestFailure,
  ResourceHolder,
  RunDetail,
  RunFilter,
  RunLine,
  Store,
} from "../../run/store.ts";
import { applyCommand, assignedEvent, settleNewRun } from "../../run/transitions.ts";
import { durationsOf } from "./durations.ts";
import { findClaimable } from "./find-claimable.ts";
import { jobLinesOf, runLineOf } from "./lines.ts";
import { byCreation, matches } from "./match-runs.ts";
import { newestFailures } from "./newest-failures.ts";

type StoredArtifact = ArtifactRecord & { jobId: string; attempt: number };

interface StoredRun {
  state: RunState;
  /** Every attempt by job id, in order of their numbers. */
  attempts: Map<string, AttemptRecord[]>;
  artifacts: StoredArtifact[];
  testFailures: RunChanges["testFailures"];
  events: RunEvent[];
  phases: RecordedPhases[];
}

/** The store contract in this process's memory, for the orchestrator's own tests. `now` is the database's clock. */
export class MemoryStore implements Store {
  readonly #now: () => EpochMs;
  readonly #id = crypto.randomUUID().replaceAll("-", "");
  readonly #runs = new Map<string, StoredRun>();
  readonly #logs = new Map<string, Uint8Array[]>();
  readonly #numbers = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #lastEventId = 0;
  #notified = false;

  constructor(now: () => EpochMs = Date.now) {
    this.#now = now;
  }

  readonly isReadOnly = false;

  async check(): Promise<void> {}

  async describe() {
    return { kind: "memory" as const, location: "memory", schemaVersion: 1, id: this.#id };
  }

  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  async createRun(input: NewRun): Promise<RunRecord> {
    const existing = [...this.#runs.values()].find(
      ({ state: { run } }) => run.id === input.id || isSameDelivery(run, input),
    );
    if (existing !== undefined) return existing.state.run;
    const now = this.#now();
    const counter = JSON.stringify([input.source.repo.key, input.pipeline]);
    const number = (this.#numbers.get(counter) ?? 0) + 1;
    this.#numbers.set(counter, number);
    const run = newRunRecord(structuredClone(input), number, now);
    const before = this.#find({ repoKey: run.source.repo.key, pipeline: run.pipeline });
    const jobs = newJobs(run, planPriorities(run.plan, durationsOf(before)), now);
    const state = new RunState(run, jobs, new Map());
    const stored: StoredRun = {
      state,
      attempts: new Map(),
      artifacts: [],
      testFailures: [],
      events: [],
      phases: [],
    };
    this.#runs.set(run.id, stored);
    this.#write(stored, settleNewRun(state, now));
    return state.run;
  }

  async readRun(runId: string): Promise<RunDetail | undefined> {
    return this.detailNow(runId);
  }

  async readRunRecord(runId: string): Promise<RunRecord | undefined> {
    return this.#runs.get(runId)?.state.run;
  }

  async readNewestAttempts(runId: string, jobs: readonly string[]): Promise<Map<string, AttemptRecord>> {
    const { jobs: rows = [], attempts } = this.#runs.get(runId)?.state ?? {};
    const asked = rows.filter(({ name }) => jobs.includes(name));
    const found = asked.map(({ id, name }) => [name, attempts?.get(id)] as const);
    return new Map(found.flatMap(([name, attempt]) => (attempt === undefined ? [] : [[name, attempt]])));
  }

  /** The same without the promise. */
  detailNow(runId: string): RunDetail | undefined {
    const stored = this.#runs.get(runId);
    return stored && detailOf(stored);
  }

  async findRuns(filter: RunFilter): Promise<RunRecord[]> {
    return this.#find(filter).map((stored) => stored.state.run);
  }

  async findRunDetails(filter: RunFilter): Promise<RunDetail[]> {
    return this.#find(filter).map(detailOf);
  }

  async findRunLines(filter: RunFilter): Promise<RunLine[]> {
    return this.#find(filter).map(({ state }) => runLineOf(state));
  }

  async findJobLines(filter: RunFilter, of: { stage: string; job?: string }): Promise<JobLine[]> {
    return this.#find(filter).flatMap(({ state }) => jobLinesOf(state, of));
  }

  async listPipelines(repoKey: string): Promise<{ name: string; runs: number }[]> {
    const counts = new Map<string, number>();
    for (const { state } of this.#runs.values()) {
      const { run } = state;
      if (run.source.repo.key === repoKey) counts.set(run.pipeline, (counts.get(run.pipeline) ?? 0) + 1);
    }
    return [...counts].map(([name, runs]) => ({ name, runs })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async execute(runId: string, command: Command): Promise<CommandResult | undefined> {
    return this.executeNow(runId, command);
  }

  /** The same without the promise, for tests that take a hundred thousand steps. */
  executeNow(runId: string, command: Command): CommandResult | undefined {
    const stored = this.#runs.get(runId);
    if (stored === undefined) return undefined;
    const { result, changes } = applyCommand(stored.state, command, this.#now());
    this.#write(stored, changes);
    const phases = phasesOf(command, result);
    if (phases !== undefined) stored.phases.push(phases);
    return result;
  }

  async readTestFailures(runIds: readonly string[]): Promise<RecordedTestFailure[]> {
    return [...runIds].sort().flatMap((runId) => {
      const stored = this.#runs.get(runId);
      return stored === undefined ? [] : newestFailures(stored.state, stored.testFailures);
    });
  }

  async readEvents(runId: string, afterId: number, limit: number): Promise<RunEvent[]> {
    const events = this.#runs.get(runId)?.events ?? [];
    return events.filter((event) => event.id > afterId).slice(0, limit);
  }

  async readPhases(runId: string): Promise<RecordedPhases[]> {
    return this.#runs.get(runId)?.phases ?? [];
  }

  async addPhases(phases: RecordedPhases): Promise<void> {
    this.#runs.get(phases.runId)?.phases.push(phases);
  }

  async setOwner(runId: string, owner: Owner): Promise<void> {
    const stored = this.#runs.get(runId);
    if (stored !== undefined) stored.state.run = { ...stored.state.run, owner };
    this.#notify();
  }

  async deleteRuns(runIds: string[]): Promise<void> {
    for (const id of runIds) {
      const stored = this.#runs.get(id);
      if (stored === undefined || !TERMINAL_RUN_STATUSES.has(stored.state.run.status)) continue;
      for (const job of stored.state.jobs) {
        for (let attempt = 1; attempt <= job.attempt; attempt += 1)
          this.#logs.delete(logKey(job.id, attempt));
      }
      this.#runs.delete(id);
    }
    this.#notify();
  }

  async referencedArtifacts() {
    const layers = new Set<string>();
    const blobs = new Set<string>();
    const trees = new Set<string>();
    for (const stored of this.#runs.values()) {
      trees.add(stored.state.run.source.tree);
      for (const { artifactLayer, results } of [...stored.attempts.values()].flat()) {
        if (artifactLayer !== null) layers.add(artifactLayer);
        if (results?.reportLayer != null) layers.add(results.reportLayer);
      }
      for (const artifact of stored.artifacts) blobs.add(artifact.sha256);
    }
    return { layers, blobs, trees };
  }

  async claimJob(claim: { worker: string; token: string; leaseMs: number; scope: ClaimScope }) {
    return this.claimNow(claim);
  }

  claimNow(claim: { worker: string; token: string; leaseMs: number; scope: ClaimScope }): Lease | undefined {
    const now = this.#now();
    const next = this.#claimable(claim.scope);
    if (next === undefined) return undefined;
    const { stored, job } = next;
    const number = job.attempt + 1;
    const attempt = newAttempt(job, number, claim, now);
    const assigned: JobRecord = { ...job, state: "assigned", attempt: number };
    stored.state.apply({ run: null, jobs: [assigned], attempts: [attempt] });
    stored.attempts.set(job.id, [...(stored.attempts.get(job.id) ?? []), attempt]);
    const lease = { runId: job.runId, jobId: job.id, attempt: number, token: claim.token };
    this.#append(stored, [assignedEvent(lease, job.name, claim.worker, now)]);
    this.#notify();
    return lease;
  }

  async findResourceHolders(resourceKeys: readonly string[]): Promise<ResourceHolder[]> {
    return [...this.#runs.values()].flatMap(({ state: { run, jobs } }) =>
      jobs.flatMap(({ state, resourceKey, name }) =>
        ACTIVE_JOB_STATES.has(state) && resourceKey !== null && resourceKeys.includes(resourceKey)
          ? [{ resourceKey, runId: run.id, pipeline: run.pipeline, number: run.number, job: name }]
          : [],
      ),
    );
  }

  async renewLeases(leases: Lease[], leaseMs: number): Promise<LeaseState[]> {
    const now = this.#now();
    return leases.map((lease) => {
      const held = this.#attemptOf(lease);
      if (held === undefined) return { lease, state: "lost" as const };
      const { stored, attempt } = held;
      replace(stored, { ...attempt, leaseUntil: now + leaseMs });
      const job = stored.state.jobs.find(({ id }) => id === lease.jobId);
      return { lease, state: "held" as const, cancelRequested: job?.cancelRequested ?? false };
    });
  }

  async findExpiredLeases(mode: RunRecord["mode"]): Promise<Lease[]> {
    const now = this.#now();
    return this.#unfinishedAttempts()
      .filter(({ leaseUntil, runId }) => leaseUntil < now && this.#runs.get(runId)?.state.run.mode === mode)
      .map(({ runId, jobId, number, leaseToken }) => ({ runId, jobId, attempt: number, token: leaseToken }));
  }

  async findAttemptsOf(worker: string): Promise<AttemptRecord[]> {
    return this.#unfinishedAttempts().filter((attempt) => attempt.worker === worker);
  }

  async expireLeasesOf(worker: string): Promise<void> {
    for (const attempt of this.#unfinishedAttempts()) {
      if (attempt.worker !== worker) continue;
      replace(this.#runs.get(attempt.runId)!, { ...attempt, leaseUntil: this.#now() - 1 });
    }
  }

  async isLeaseLive(lease: Lease): Promise<boolean> {
    const held = this.#attemptOf(lease);
    return held !== undefined && held.attempt.leaseUntil >= this.#now();
  }

  async appendLog(chunk: LogChunk): Promise<"stored" | "gap"> {
    const key = logKey(chunk.jobId, chunk.attempt);
    const chunks = this.#logs.get(key) ?? [];
    const attempt = this.#findAttempt(chunk.jobId, chunk.attempt);
    if (attempt?.outcome !== null || chunk.offset !== totalBytes(chunks)) return "gap";
    this.#logs.set(key, [...chunks, chunk.bytes.slice()]);
    this.#notify();
    return "stored";
  }

  async readLog(at: { jobId: string; attempt: number; offset: number; maxBytes: number }): Promise<LogSlice> {
    const all = Buffer.concat(this.#logs.get(logKey(at.jobId, at.attempt)) ?? []);
    const bytes = all.subarray(at.offset, at.offset + at.maxBytes);
    const outcome = this.#findAttempt(at.jobId, at.attempt)?.outcome ?? null;
    return { bytes, offset: at.offset, end: all.length, complete: outcome !== null };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
  }

  #claimable(scope: ClaimScope): { stored: StoredRun; job: JobRecord } | undefined {
    const states = [...this.#runs.values()].map(({ state }) => state);
    const job = findClaimable(states, scope, this.#now());
    return job && { stored: this.#runs.get(job.runId)!, job };
  }

  #unfinishedAttempts(): AttemptRecord[] {
    return [...this.#runs.values()].flatMap((stored) =>
      [...stored.attempts.values()].flat().filter((attempt) => attempt.outcome === null),
    );
  }

  #attemptOf(lease: Lease): { stored: StoredRun; attempt: AttemptRecord } | undefined {
    const stored = this.#runs.get(lease.runId);
    const attempt = stored?.attempts.get(lease.jobId)?.find(({ number }) => number === lease.attempt);
    if (stored === undefined || attempt === undefined) return undefined;
    if (attempt.leaseToken !== lease.token || attempt.outcome !== null) return undefined;
    return { stored, attempt };
  }

  #findAttempt(jobId: string, number: number): AttemptRecord | undefined {
    for (const stored of this.#runs.values()) {
      const attempt = stored.attempts.get(jobId)?.find((candidate) => candidate.number === number);
      if (attempt !== undefined) return attempt;
    }
    return undefined;
  }

  #find(filter: RunFilter): StoredRun[] {
    const found = [...this.#runs.values()].filter(({ state }) => matches(state.run, filter));
    found.sort((a, b) => byCreation(a.state.run, b.state.run) * (filter.oldestFirst === true ? 1 : -1));
    return found.slice(0, filter.limit ?? found.length);
  }

  #write(stored: StoredRun, changes: RunChanges): void {
    for (const attempt of changes.attempts) replace(stored, attempt);
    stored.state.apply(changes);
    stored.artifacts.push(...changes.artifacts);
    stored.testFailures.push(...changes.testFailures);
    this.#append(stored, changes.events);
    this.#notify();
  }

  #append(stored: StoredRun, events: NewRunEvent[]): void {
    for (const event of events) {
      this.#lastEventId += 1;
      stored.events.push({ ...event, id: this.#lastEventId });
    }
  }

  /** Once per turn of the event loop, however much changed. */
  #notify(): void {
    if (this.#notified || this.#listeners.size === 0) return;
    this.#notified = true;
    queueMicrotask(() => {
      this.#notified = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}

function detailOf(stored: StoredRun): RunDetail {
  const attempts = stored.state.jobs.flatMap((job) => stored.attempts.get(job.id) ?? []);
  const artifacts = [...stored.artifacts].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { run: stored.state.run, jobs: [...stored.state.jobs], attempts, artifacts };
}

function replace(stored: StoredRun, attempt: AttemptRecord): void {
  const list = stored.attempts.get(attempt.jobId) ?? [];
  const at = list.findIndex(({ number }) => number === attempt.number);
  if (list[at]?.outcome !== null)
    throw new Error(`attempt ${attempt.jobId}/${attempt.number} is finished already`);
  stored.attempts.set(attempt.jobId, list.with(at, attempt));
  if (at === list.length - 1) stored.state.attempts.set(attempt.jobId, attempt);
}

function isSameDelivery(run: RunRecord, input: NewRun): boolean {
  return (
    run.delivery !== null &&
    run.delivery === input.delivery &&
    run.pipeline === input.pipeline &&
    run.source.repo.key === input.source.repo.key
  );
}

function logKey(jobId: string, attempt: number): string {
  return `${jobId}#${attempt}`;
}

function totalBytes(chunks: Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
