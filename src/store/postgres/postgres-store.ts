import type { Command, CommandResult } from "../../run/command.ts";
import { phasesOf, type RecordedPhases } from "../../run/phases.ts";
import type { AttemptRecord, Lease, Owner, RunRecord } from "../../run/records.ts";
import { type RunChanges, RunState } from "../../run/run-state.ts";
import type { JobLine, LogChunk, NewRun, RunDetail, RunFilter, RunLine, Store } from "../../run/store.ts";
import { applyCommand } from "../../run/transitions.ts";
import type { Claim } from "../claimable.ts";
import { changesNothing, FIRST_VERSION, refreshLease, StateCache } from "../state-cache.ts";
import { PlanCache, StoredPlan } from "../stored-plan.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { claimJob, findLease } from "./claim.ts";
import { createRun } from "./create-run.ts";
import { deleteRuns, referencedArtifacts } from "./delete-runs.ts";
import * as leases from "./leases.ts";
import { appendLog, readLog } from "./logs.ts";
import { SCHEMA_VERSION } from "./migrate.ts";
import { insertPhases, readPhases } from "./phases.ts";
import { LONG_ANSWER_MS, type PostgresConnection, type Session } from "./postgres-connection.ts";
import { readChanges, readLastEvent } from "./read-changes.ts";
import * as lines from "./read-lines.ts";
import * as runs from "./read-runs.ts";
import { readJobs, readNewestAttempts, writeChanges } from "./run-rows.ts";

/** A heartbeat that waits longer for its answer would come too late for the next. */
const RENEWAL_ANSWER_MS = 5_000;

interface Executed {
  result: CommandResult;
  changes: RunChanges;
  /** The run's new version, undefined where nothing changed. */
  version: number | undefined;
}

/** The store contract on one PostgreSQL database, for any number of processes on any number of machines. */
export class PostgresStore implements Store {
  readonly #db: PostgresConnection;
  readonly #changes: ChangeFeed;
  readonly #plans = new PlanCache();
  readonly #states = new StateCache();

  constructor(db: PostgresConnection, changes: ChangeFeed) {
    this.#db = db;
    this.#changes = changes;
  }

  readonly isReadOnly = false;

  /** That it answers: PostgreSQL itself watches over its files. */
  async check(): Promise<void> {
    await this.#view((session) => session.get("SELECT max(created_at) FROM runs"));
  }

  async describe() {
    const row = await this.#db.read((session) =>
      session.get<{ id: string }>("SELECT id FROM database_identity"),
    );
    const { location } = this.#db;
    return { kind: "postgres" as const, location, schemaVersion: SCHEMA_VERSION, id: row!.id };
  }

  watch(listener: () => void): Disposable {
    return this.#changes.watch(listener);
  }

  async createRun(input: NewRun): Promise<RunRecord> {
    const plan = StoredPlan.of(input.plan);
    const kept = structuredClone(input);
    const { run, state } = await this.#db.write(async (session) => {
      const made = await createRun(session, kept, plan);
      if (typeof made !== "string") return { run: made.run, state: made };
      const [existing] = await runs.toRecords(session, this.#plans, [
        (await runs.readRunRow(session, made))!,
      ]);
      return { run: existing!, state: undefined };
    }, "any");
    if (state === undefined) return run;
    this.#plans.add(plan);
    this.#states.put(FIRST_VERSION, state);
    this.#changes.emit();
    return run;
  }

  readRun(runId: string): Promise<RunDetail | undefined> {
    return this.#view(async (session) => {
      const row = await runs.readRunRow(session, runId);
      if (row === undefined) return undefined;
      const records = await runs.toRecords(session, this.#plans, [row]);
      return (await runs.readDetails(session, records))[0];
    });
  }

  readNewestAttempts(runId: string, jobs: readonly string[]): Promise<Map<string, AttemptRecord>> {
    return this.#db.read((session) => runs.readAttemptsOfJobs(session, runId, jobs));
  }

  readRunRecord(runId: string): Promise<RunRecord | undefined> {
    return this.#view(async (session) => {
      const row = await runs.readRunRow(session, runId);
      return row && (await runs.toRecords(session, this.#plans, [row]))[0];
    });
  }

  findRuns(filter: RunFilter): Promise<RunRecord[]> {
    return this.#view((session) => runs.findRuns(session, this.#plans, filter));
  }

  findRunDetails(filter: RunFilter): Promise<RunDetail[]> {
    return this.#view(async (session) =>
      runs.readDetails(session, await runs.findRuns(session, this.#plans, filter)),
    );
  }

  findRunLines(filter: RunFilter): Promise<RunLine[]> {
    return this.#db.read((session) => lines.findRunLines(session, filter));
  }

  findJobLines(filter: RunFilter, of: { stage: string; job?: string }): Promise<JobLine[]> {
    return this.#view((session) => lines.findJobLines(session, this.#plans, filter, of));
  }

  listPipelines(repoKey: string): Promise<{ name: string; runs: number }[]> {
    return this.#db.read((session) => runs.listPipelines(session, repoKey));
  }

  async execute(runId: string, command: Command): Promise<CommandResult | undefined> {
    const done = await this.#db.write(
      (session) => this.#execute(session, runId, command),
      isIdempotent(command) ? "any" : "refused",
    );
    if (done?.version !== undefined) {
      this.#states.advance(runId, done.version, done.changes);
      this.#changes.emit();
    }
    return done?.result;
  }

  readTestFailures(runIds: readonly string[]) {
    return this.#db.read((session) => runs.readTestFailures(session, runIds));
  }

  readEvents(runId: string, afterId: number, limit: number) {
    return this.#db.read((session) => runs.readEvents(session, runId, afterId, limit));
  }

  readPhases(runId: string): Promise<RecordedPhases[]> {
    return this.#db.read((session) => readPhases(session, runId));
  }

  async addPhases(phases: RecordedPhases): Promise<void> {
    await this.#db.writeOne((session) => insertPhases(session, phases));
  }

  async setOwner(runId: string, owner: Owner): Promise<void> {
    await this.#db.writeOne(
      (session) =>
        session.run(
          "UPDATE runs SET owner = $2, version = version + 1 WHERE id = $1",
          ...[runId, JSON.stringify(owner)],
        ),
      "any",
    );
    this.#changes.emit();
  }

  async deleteRuns(runIds: string[]): Promise<void> {
    await this.#db.write((session) => deleteRuns(session, runIds), "never", LONG_ANSWER_MS);
    for (const runId of runIds) this.#states.drop(runId);
    this.#changes.emit();
  }

  referencedArtifacts() {
    return this.#view(referencedArtifacts, LONG_ANSWER_MS);
  }

  async claimJob(claim: Claim): Promise<Lease | undefined> {
    const claimed = await this.#db.writeOne(async (session, isRepeated) => {
      const held = isRepeated ? await findLease(session, claim) : undefined;
      return held ?? claimJob(session, claim);
    }, "any");
    if (claimed === undefined) return undefined;
    if ("token" in claimed) return claimed;
    const { lease, version, job, attempt } = claimed;
    this.#states.advance(lease.runId, version, { run: null, jobs: [job], attempts: [attempt] });
    this.#changes.emit();
    return lease;
  }

  findResourceHolders(resourceKeys: readonly string[]) {
    return this.#db.read((session) => leases.findResourceHolders(session, resourceKeys));
  }

  /** Not repeated here: the next heartbeat does that, and the holder counts from when it asked. */
  async renewLeases(held: Lease[], leaseMs: number) {
    if (held.length === 0) return [];
    return this.#db.writeOne(
      (session) => leases.renewLeases(session, held, leaseMs),
      "never",
      RENEWAL_ANSWER_MS,
    );
  }

  findExpiredLeases(mode: RunRecord["mode"]): Promise<Lease[]> {
    return this.#db.read((session) => leases.findExpiredLeases(session, mode));
  }

  findAttemptsOf(worker: string) {
    return this.#db.read((session) => leases.findAttemptsOf(session, worker));
  }

  async expireLeasesOf(worker: string): Promise<void> {
    await this.#db.writeOne((session) => leases.expireLeasesOf(session, worker));
    this.#changes.emit();
  }

  isLeaseLive(lease: Lease): Promise<boolean> {
    return this.#db.read((session) => leases.isLeaseLive(session, lease));
  }

  async appendLog(chunk: LogChunk): Promise<"stored" | "gap"> {
    const answer = await this.#db.writeOne(
      (session, isRepeated) => appendLog(session, chunk, isRepeated),
      "any",
    );
    if (answer === "stored") this.#changes.emit();
    return answer;
  }

  readLog(at: { jobId: string; attempt: number; offset: number; maxBytes: number }) {
    return this.#db.read((session) => readLog(session, at));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes[Symbol.asyncDispose]();
    await this.#db[Symbol.asyncDispose]();
  }

  #view<T>(body: (session: Session) => Promise<T>, answerMs?: number): Promise<T> {
    return this.#db.read(body, { consistent: true, ...(answerMs === undefined ? {} : { answerMs }) });
  }

  async #execute(session: Session, runId: string, command: Command): Promise<Executed | undefined> {
    const lease = "lease" in command ? command.lease : undefined;
    const [version, leaseUntil, now] = await Promise.all([
      leases.lockRun(session, runId),
      lease && leases.readLeaseUntil(session, lease),
      leases.readNow(session),
    ]);
    if (version === undefined) return undefined;
    const state = await this.#load(session, runId, version);
    if (lease !== undefined) refreshLease(state, lease, leaseUntil);
    const { result, changes } = applyCommand(state, command, now);
    if (changesNothing(changes)) return { result, changes, version: undefined };
    const phases = phasesOf(command, result);
    const [raised] = await Promise.all([
      leases.raiseVersion(session, runId),
      writeChanges(session, state, changes),
      phases && insertPhases(session, phases),
    ]);
    return { result, changes, version: raised };
  }

  async #load(session: Session, runId: string, version: number): Promise<RunState> {
    const cached = this.#states.get(runId, version) ?? (await this.#catchUp(session, runId, version));
    if (cached !== undefined) return cached;
    const [row, jobs, attempts, lastEvent] = await Promise.all([
      runs.readRunRow(session, runId),
      readJobs(session, runId),
      readNewestAttempts(session, runId),
      readLastEvent(session, runId),
    ]);
    const [run] = await runs.toRecords(session, this.#plans, [row!]);
    const state = new RunState(run!, jobs, attempts);
    this.#states.put(version, state, lastEvent);
    return state;
  }

  /** Others have changed the run since it was read: what they changed is read, not the whole of it. */
  async #catchUp(session: Session, runId: string, version: number): Promise<RunState | undefined> {
    const known = this.#states.behind(runId, version);
    if (known === undefined) return undefined;
    const [row, changes] = await Promise.all([
      runs.readRunRow(session, runId),
      readChanges(session, runId, known.lastEvent),
    ]);
    if (changes === undefined) return undefined;
    const [run] = await runs.toRecords(session, this.#plans, [row!]);
    return this.#states.catchUp(runId, version, { ...changes, run: run! });
  }
}

/** Carried out twice, it changes as much as once. A job that was retried may have failed again meanwhile. */
function isIdempotent(command: Command): boolean {
  return command.type !== "retry" && command.type !== "play";
}
