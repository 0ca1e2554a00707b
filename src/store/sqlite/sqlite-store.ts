import type { Command, CommandResult } from "../../run/command.ts";
import { phasesOf, type RecordedPhases } from "../../run/phases.ts";
import {
  type AttemptRecord,
  type Lease,
  type Owner,
  type RunRecord,
  TERMINAL_JOB_STATES,
} from "../../run/records.ts";
import { type RunChanges, RunState } from "../../run/run-state.ts";
import type { JobLine, LogChunk, NewRun, RunDetail, RunFilter, RunLine, Store } from "../../run/store.ts";
import { applyCommand } from "../../run/transitions.ts";
import type { Claim } from "../claimable.ts";
import { packLog } from "../log-codec.ts";
import { changesNothing, FIRST_VERSION, refreshLease, StateCache } from "../state-cache.ts";
import { PlanCache, StoredPlan } from "../stored-plan.ts";
import { ChangePoll } from "./change-poll.ts";
import { checkFile } from "./check-file.ts";
import { createRun } from "./create-run.ts";
import { deleteRuns, referencedArtifacts } from "./delete-runs.ts";
import * as leases from "./leases.ts";
import { appendLog, readLog } from "./logs.ts";
import { SCHEMA_VERSION } from "./migrate.ts";
import { insertPhases, readPhases } from "./phases.ts";
import * as runs from "./read-runs.ts";
import { readJobs, readNewestAttempts, writeChanges } from "./run-rows.ts";
import { NeedsFullDurability, type SqliteConnection } from "./sqlite-connection.ts";

/** Commands that nearly always end something. The others find out, and start anew with full durability. */
const ENDING: ReadonlySet<Command["type"]> = new Set(["finish", "reap", "request_cancel", "request_stop"]);

/** The store contract on one SQLite file, which other processes may use at the same time. */
export class SqliteStore implements Store {
  readonly #db: SqliteConnection;
  readonly #changes: ChangePoll;
  readonly #plans = new PlanCache();
  readonly #states = new StateCache();

  constructor(db: SqliteConnection, pollMs: number) {
    this.#db = db;
    this.#changes = new ChangePoll(db, pollMs);
  }

  get isReadOnly(): boolean {
    return this.#db.isReadOnly;
  }

  async check(): Promise<void> {
    await this.#db.read(() => checkFile(this.#db));
  }

  async describe() {
    const id = await this.#db.read(
      () => this.#db.get<{ id: string }>("SELECT id FROM database_identity")!.id,
    );
    return { kind: "sqlite" as const, location: this.#db.path, schemaVersion: SCHEMA_VERSION, id };
  }

  watch(listener: () => void): Disposable {
    return this.#changes.watch(listener);
  }

  async createRun(input: NewRun): Promise<RunRecord> {
    const plan = StoredPlan.of(input.plan);
    const { run, state } = await this.#db.write("normal", () => {
      const made = createRun(this.#db, structuredClone(input), plan);
      if (typeof made !== "string") return { run: made.run, state: made };
      const row = runs.readRunRow(this.#db, made)!;
      return { run: runs.recordOf(this.#db, this.#plans, row), state: undefined };
    });
    if (state === undefined) return run;
    this.#plans.add(plan);
    this.#states.put(FIRST_VERSION, state);
    this.#changes.emit();
    return run;
  }

  readRun(runId: string): Promise<RunDetail | undefined> {
    return this.#db.read(() => {
      const row = runs.readRunRow(this.#db, runId);
      return row && runs.readDetails(this.#db, [runs.recordOf(this.#db, this.#plans, row)])[0];
    });
  }

  readNewestAttempts(runId: string, jobs: readonly string[]): Promise<Map<string, AttemptRecord>> {
    return this.#db.read(() => runs.readAttemptsOfJobs(this.#db, runId, jobs));
  }

  readRunRecord(runId: string): Promise<RunRecord | undefined> {
    return this.#db.read(() => {
      const row = runs.readRunRow(this.#db, runId);
      return row && runs.recordOf(this.#db, this.#plans, row);
    });
  }

  findRuns(filter: RunFilter): Promise<RunRecord[]> {
    return this.#db.read(() => runs.findRuns(this.#db, this.#plans, filter));
  }

  findRunDetails(filter: RunFilter): Promise<RunDetail[]> {
    return this.#db.read(() => runs.readDetails(this.#db, runs.findRuns(this.#db, this.#plans, filter)));
  }

  findRunLines(filter: RunFilter): Promise<RunLine[]> {
    return this.#db.read(() => runs.findRunLines(this.#db, filter));
  }

  findJobLines(filter: RunFilter, of: { stage: string; job?: string }): Promise<JobLine[]> {
    return this.#db.read(() => runs.findJobLines(this.#db, this.#plans, filter, of));
  }

  listPipelines(repoKey: string): Promise<{ name: string; runs: number }[]> {
    return this.#db.read(() => runs.listPipelines(this.#db, repoKey));
  }

  async execute(runId: string, command: Command): Promise<CommandResult | undefined> {
    const done = await this.#db.write(
      ENDING.has(command.type) ? "full" : "normal",
      () => this.#execute(runId, command),
      (committed) => {
        if (committed?.version !== undefined)
          this.#states.advance(runId, committed.version, committed.changes);
      },
    );
    if (done?.version !== undefined) this.#changes.emit();
    return done?.result;
  }

  readTestFailures(runIds: readonly string[]) {
    return this.#db.read(() => runs.readTestFailures(this.#db, runIds));
  }

  readEvents(runId: string, afterId: number, limit: number) {
    return this.#db.read(() => runs.readEvents(this.#db, runId, afterId, limit));
  }

  readPhases(runId: string): Promise<RecordedPhases[]> {
    return this.#db.read(() => readPhases(this.#db, runId));
  }

  async addPhases(phases: RecordedPhases): Promise<void> {
    await this.#db.write("normal", () => insertPhases(this.#db, phases));
  }

  async setOwner(runId: string, owner: Owner): Promise<void> {
    await this.#db.write("normal", () => {
      this.#db.run(
        "UPDATE runs SET owner = ?2, version = version + 1 WHERE id = ?1",
        ...[runId, JSON.stringify(owner)],
      );
    });
    this.#changes.emit();
  }

  async deleteRuns(runIds: string[]): Promise<void> {
    await this.#db.write("normal", () => deleteRuns(this.#db, runIds));
    for (const runId of runIds) this.#states.drop(runId);
    this.#changes.emit();
  }

  referencedArtifacts() {
    return this.#db.read(() => referencedArtifacts(this.#db));
  }

  async claimJob(claim: Claim): Promise<Lease | undefined> {
    const waiting = await this.#db.read(() => leases.findClaimable(this.#db, claim.scope));
    if (waiting === undefined) return undefined;
    const claimed = await this.#db.write(
      "normal",
      () => leases.claimJob(this.#db, claim),
      (committed) => {
        if (committed === undefined) return;
        const { lease, version, job, attempt } = committed;
        this.#states.advance(lease.runId, version, { run: null, jobs: [job], attempts: [attempt] });
      },
    );
    if (claimed === undefined) return undefined;
    this.#changes.emit();
    return claimed.lease;
  }

  findResourceHolders(resourceKeys: readonly string[]) {
    return this.#db.read(() => leases.findResourceHolders(this.#db, resourceKeys));
  }

  async renewLeases(held: Lease[], leaseMs: number) {
    if (held.length === 0) return [];
    return this.#db.write("normal", () => leases.renewLeases(this.#db, held, leaseMs));
  }

  findExpiredLeases(mode: RunRecord["mode"]): Promise<Lease[]> {
    return this.#db.read(() => leases.findExpiredLeases(this.#db, mode));
  }

  findAttemptsOf(worker: string) {
    return this.#db.read(() => leases.findAttemptsOf(this.#db, worker));
  }

  async expireLeasesOf(worker: string): Promise<void> {
    await this.#db.write("normal", () => leases.expireLeasesOf(this.#db, worker));
    this.#changes.emit();
  }

  isLeaseLive(lease: Lease): Promise<boolean> {
    return this.#db.read(() => (leases.readLeaseUntil(this.#db, lease) ?? 0) >= this.#db.now());
  }

  async appendLog(chunk: LogChunk): Promise<"stored" | "gap"> {
    const packed = chunk.bytes.length === 0 ? undefined : packLog(chunk.bytes);
    const answer = await this.#db.write("normal", () => appendLog(this.#db, chunk, packed));
    if (answer === "stored") this.#changes.emit();
    return answer;
  }

  readLog(at: { jobId: string; attempt: number; offset: number; maxBytes: number }) {
    return this.#db.read(() => readLog(this.#db, at));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#changes[Symbol.dispose]();
    this.#db[Symbol.dispose]();
  }

  /** `version` is the run's new one, undefined where nothing changed. */
  #execute(
    runId: string,
    command: Command,
  ): { result: CommandResult; changes: RunChanges; version: number | undefined } | undefined {
    const state = this.#load(runId);
    if (state === undefined) return undefined;
    if ("lease" in command)
      refreshLease(state, command.lease, leases.readLeaseUntil(this.#db, command.lease));
    const { result, changes } = applyCommand(state, command, this.#db.now());
    if (changesNothing(changes)) return { result, changes, version: undefined };
    if (endsSomething(changes) && this.#db.durability !== "full") throw new NeedsFullDurability();
    writeChanges(this.#db, state, changes);
    const phases = phasesOf(command, result);
    if (phases !== undefined) insertPhases(this.#db, phases);
    return { result, changes, version: leases.raiseVersion(this.#db, runId) };
  }

  #load(runId: string): RunState | undefined {
    const found = this.#db.get<{ version: number }>("SELECT version FROM runs WHERE id = ?1", runId);
    if (found === undefined) return undefined;
    const cached = this.#states.get(runId, found.version);
    if (cached !== undefined) return cached;
    const row = runs.readRunRow(this.#db, runId)!;
    const run = runs.recordOf(this.#db, this.#plans, row);
    const state = new RunState(run, readJobs(this.#db, runId), readNewestAttempts(this.#db, runId));
    this.#states.put(row.version, state);
    return state;
  }
}

function endsSomething({ jobs, run, attempts }: RunChanges): boolean {
  return (
    attempts.some((attempt) => attempt.outcome !== null) ||
    jobs.some((job) => TERMINAL_JOB_STATES.has(job.state)) ||
    (run !== null && run.finishedAt !== null)
  );
}
