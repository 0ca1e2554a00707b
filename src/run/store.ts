import type { Command, CommandResult } from "./command.ts";
import type { RecordedPhases } from "./phases.ts";
import type {
  ArtifactRecord,
  AttemptRecord,
  EpochMs,
  JobRecord,
  Lease,
  Owner,
  RunEvent,
  RunRecord,
  RunStatus,
  Trigger,
} from "./records.ts";
import type { TestFailure } from "./test-results.ts";

/**
 * The store contract. Three adapters (memory for the orchestrator's own tests, SQLite, PostgreSQL) pass one contract
 * test. Every method is atomic. They throw `CicdError` STORE_UNREACHABLE, STORE_BUSY, STORE_CORRUPT,
 * STORE_SCHEMA_NEWER, STORE_FAILED, PERMISSION_DENIED or DISK_FULL, and then nothing of the call is stored; only after
 * STORE_UNREACHABLE that is not known: the server may have carried out what it could not answer. Such a call may be
 * repeated: every one that changes something is recognised by its id, token or offset.
 */
export interface Store extends RunStore, QueueStore, LogStore, AsyncDisposable {
  /** The database can only be read: whatever writes throws PERMISSION_DENIED or DISK_FULL. */
  readonly isReadOnly: boolean;
  /** For `doctor`: reads enough of the database to know that it is sound. Throws STORE_CORRUPT with what is wrong. */
  check(): Promise<void>;
  /**
   * What and where it is, without secrets, and its schema version. `id` (`[0-9a-f]{32}`) tells the database from every other,
   * by whatever name it is reached: what one database knows nothing of may belong to another.
   */
  describe(): Promise<{
    kind: "memory" | "sqlite" | "postgres";
    location: string;
    schemaVersion: number;
    id: string;
  }>;
  /**
   * Calls `listener` soon after something changed, by this process or another. A hint only: it may come late, too
   * often or never; whoever waits also polls.
   */
  watch(listener: () => void): Disposable;
}

export interface RunStore {
  /**
   * Stores the run, its number, its jobs and their first events in one transaction, and settles it. Where a run of the
   * same id, or of the same repository, pipeline and `delivery`, is there already, nothing is stored and that one is
   * returned.
   */
  createRun(run: NewRun): Promise<RunRecord>;
  readRun(runId: string): Promise<RunDetail | undefined>;
  /** The newest attempt of each of these jobs that has one, by job name. */
  readNewestAttempts(runId: string, jobs: readonly string[]): Promise<Map<string, AttemptRecord>>;
  /** The run alone: for whoever asks often how it stands. */
  readRunRecord(runId: string): Promise<RunRecord | undefined>;
  /** Newest first (by creation, then id), unless the filter says otherwise. */
  findRuns(filter: RunFilter): Promise<RunRecord[]>;
  /** With jobs, attempts and artifacts in few statements, newest first: for reports. */
  findRunDetails(filter: RunFilter): Promise<RunDetail[]>;
  /** The same runs as `findRuns`, with what a long list shows of each. */
  findRunLines(filter: RunFilter): Promise<RunLine[]>;
  /** The jobs of a stage, or that one job of it, in the runs that `filter` finds: in their order, then by index. */
  findJobLines(filter: RunFilter, of: { stage: string; job?: string }): Promise<JobLine[]>;
  /** The pipelines of a repository with the number of their runs, by name. */
  listPipelines(repoKey: string): Promise<{ name: string; runs: number }[]>;
  /**
   * Applies one command to one run by `applyCommand` under the run's lock: the changed rows, the events and the run's
   * status are committed together, terminal states with full durability. `undefined`: there is no such run.
   */
  execute(runId: string, command: Command): Promise<CommandResult | undefined>;
  /** Of the newest attempts of these runs' jobs, by run, job and the order of their reports. */
  readTestFailures(runIds: readonly string[]): Promise<RecordedTestFailure[]>;
  /** Events of a run after `afterId`, oldest first, at most `limit`. */
  readEvents(runId: string, afterId: number, limit: number): Promise<RunEvent[]>;
  /** Of a run and its attempts, in the order in which they were recorded. */
  readPhases(runId: string): Promise<RecordedPhases[]>;
  /** Besides those that come with a `finish`. Of a run that is gone nothing is kept. */
  addPhases(phases: RecordedPhases): Promise<void>;
  /** Makes `owner` the driver of a local run (a detached one). */
  setOwner(runId: string, owner: Owner): Promise<void>;
  /** Deletes finished runs with everything of theirs. */
  deleteRuns(runIds: string[]): Promise<void>;
  /** Every blob and layer that a kept run still names. */
  referencedArtifacts(): Promise<{ layers: Set<string>; blobs: Set<string>; trees: Set<string> }>;
}

export interface QueueStore {
  /**
   * pending → assigned for the first claimable job in queue order (`queuedAt`, run, index): attempt + 1, a new row
   * with `token`, `leaseUntil` = now + `leaseMs` by the database's clock. A job of a run with a cancel or stop request
   * is never claimed, nor one of a run that comes `after` another that is still at work, one before its `notBefore`, nor one
   * while another with its `resourceKey` is at work.
   */
  claimJob(claim: {
    worker: string;
    token: string;
    leaseMs: number;
    scope: ClaimScope;
  }): Promise<Lease | undefined>;
  /** The jobs that are at work with one of these resources. */
  findResourceHolders(resourceKeys: readonly string[]): Promise<ResourceHolder[]>;
  /** Extends leases whose token still matches and whose attempt is unfinished; the others come back as lost. */
  renewLeases(leases: Lease[], leaseMs: number): Promise<LeaseState[]>;
  /** Unfinished attempts of runs of this mode whose lease ran out; `execute({type: "reap"})` then re-checks each. */
  findExpiredLeases(mode: RunRecord["mode"]): Promise<Lease[]>;
  /** Unfinished attempts of one worker: what it must adopt after a restart. */
  findAttemptsOf(worker: string): Promise<AttemptRecord[]>;
  /** Lets the leases of this worker run out now: its process is known to be dead. */
  expireLeasesOf(worker: string): Promise<void>;
  /** True while the attempt is unfinished and its lease has not run out. */
  isLeaseLive(lease: Lease): Promise<boolean>;
}

export interface LogStore {
  /**
   * Appends a chunk at `chunk.offset`. Durable when it returns. `gap`: the offset is not the end of what is stored, or
   * the attempt is finished; nothing is stored then.
   */
  appendLog(chunk: LogChunk): Promise<"stored" | "gap">;
  /** At most `maxBytes` (> 0) bytes of the log from `offset` on, none only where there are none, and where it ends now. */
  readLog(at: { jobId: string; attempt: number; offset: number; maxBytes: number }): Promise<LogSlice>;
}

/** `bytes` as they are shown: masked and sanitized. Adapters number and compress. */
export interface LogChunk {
  jobId: string;
  attempt: number;
  offset: number;
  bytes: Uint8Array;
}

/** `complete`: the attempt is finished, `end` is final. */
export interface LogSlice {
  bytes: Uint8Array;
  offset: number;
  end: number;
  complete: boolean;
}

export type NewRun = Omit<
  RunRecord,
  | "number"
  | "status"
  | "warnings"
  | "cancelRequestedAt"
  | "stopRequestedAt"
  | "createdAt"
  | "startedAt"
  | "finishedAt"
  | "busyMs"
  | "busySince"
>;

export interface RunDetail {
  run: RunRecord;
  /** By `index`. */
  jobs: JobRecord[];
  /** By job index, then number. */
  attempts: AttemptRecord[];
  /** Of every attempt, by path. */
  artifacts: (ArtifactRecord & { jobId: string; attempt: number })[];
}

/** `job`: its index. */
export interface RecordedTestFailure extends TestFailure {
  runId: string;
  job: number;
}

/** `dirty`: the tree held changes that are in no commit. */
export interface RunLine
  extends Pick<
    RunRecord,
    "number" | "status" | "warnings" | "createdAt" | "startedAt" | "busyMs" | "busySince"
  > {
  branch: string | null;
  commit: string | null;
  dirty: boolean;
}

export interface JobLine
  extends Pick<
    JobRecord,
    | "index"
    | "state"
    | "allowed"
    | "failureReason"
    | "exitCode"
    | "attempt"
    | "cancelRequested"
    | "startedAt"
    | "finishedAt"
  > {
  /** Its run's. */
  number: number;
  mode: RunRecord["mode"];
  executor: RunRecord["executor"];
  plan: RunRecord["plan"];
}

/** Whose job has a resource now; `number` and `pipeline` are its run's. */
export interface ResourceHolder {
  resourceKey: string;
  runId: string;
  pipeline: string;
  number: number;
  job: string;
}

/** All given fields must match. */
export interface RunFilter {
  repoKey?: string;
  pipeline?: string;
  number?: number;
  branch?: string;
  /** Full hash or a prefix of at least 4 digits. */
  commit?: string;
  statuses?: RunStatus[];
  mode?: RunRecord["mode"];
  finishedBefore?: EpochMs;
  triggers?: Trigger[];
  /** The other way round: oldest first. */
  oldestFirst?: boolean;
  /** Only what comes behind this run in the order of the list. */
  behind?: { createdAt: EpochMs; id: string };
  limit?: number;
}

/**
 * `runs`: only jobs of these runs. `queue`: jobs of any run of mode `queue` whose executor is among `executors` and all of
 * whose `tags` are among `labels`.
 */
export type ClaimScope =
  | { kind: "runs"; runIds: string[] }
  | { kind: "queue"; executors: RunRecord["executor"][]; labels: string[] };

export type LeaseState =
  | { lease: Lease; state: "held"; cancelRequested: boolean }
  | { lease: Lease; state: "lost" };
