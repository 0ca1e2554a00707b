import type { Plan } from "../plan/plan.ts";
import type { TestCounts, TestFailure } from "./test-results.ts";

/** Times in this room are milliseconds since 1970 UTC, by the database's clock. */
export type EpochMs = number;

/** Users see `assigned` as `pending`. */
export type JobState =
  | "created"
  | "manual"
  | "waiting_for_resource"
  | "pending"
  | "assigned"
  | "running"
  | "canceling"
  | "success"
  | "failed"
  | "canceled"
  | "skipped";

export type RunStatus =
  | "pending"
  | "running"
  | "canceling"
  | "manual"
  | "success"
  | "failed"
  | "canceled"
  | "skipped";

/** Why an attempt or job did not succeed. */
export type FailureReason =
  | "script_failure"
  | "job_timeout"
  | "oom_killed"
  | "image_pull_failure"
  | "image_without_shell"
  | "runner_system_failure"
  | "worker_lost"
  | "config_error"
  | "service_failed"
  | "child_failed"
  | "canceled";

/** Who a run belongs to: one process of one boot of one machine. */
export interface Owner {
  machineId: string;
  bootId: string;
  pid: number;
  /** Start time of the process in the operating system's own unit; tells a reused pid apart. */
  processStart: string;
}

/** `key` identifies a repository over time (its absolute path, or its URL without credentials); `name` is for people. */
export interface RepoRef {
  key: string;
  name: string;
}

/** What a run was taken from. `tree` is the git tree hash of the snapshot; `null` dirty counts: a commit as it is. */
export interface RunSource {
  repo: RepoRef;
  branch: string | null;
  /** Set where the run is of a tag; `branch` is null then. */
  tag: string | null;
  commit: string | null;
  /** First line of the commit's message. */
  commitMessage: string | null;
  tree: string;
  dirty: { modified: number; untracked: number } | null;
}

/** What made a run: a person (`cli`, `api`), an event of the repository's host, the clock, or a job of another run. */
export type Trigger = "cli" | "api" | "push" | "tag" | "pull_request" | "schedule" | "pipeline";

/** `local`: driven by the process that made it and by nobody else. `queue`: by any worker. */
export type RunMode = "local" | "queue";

export interface RunRecord {
  id: string;
  /** From 1 per repository and pipeline. */
  number: number;
  pipeline: string;
  source: RunSource;
  trigger: Trigger;
  mode: RunMode;
  executor: "docker" | "shell" | "fake";
  /** The process that drives a local run. */
  owner: Owner | null;
  plan: Plan;
  /** `-o` as typed, in order. */
  overrides: string[];
  /**
   * What asked for it, by an id that comes again when the asking is repeated (a webhook's delivery, a request, a moment of a
   * schedule): unique with repository and pipeline. Null: it cannot be repeated.
   */
  delivery: string | null;
  /** Of mode `queue`: its jobs are claimed only once the run of this id has ended or waits for a manual job, or is gone. */
  after: string | null;
  /** The job that started it. Null: none did. */
  parent: { runId: string; jobId: string } | null;
  status: RunStatus;
  /** True where an allowed failure happened. */
  warnings: boolean;
  cancelRequestedAt: EpochMs | null;
  stopRequestedAt: EpochMs | null;
  createdAt: EpochMs;
  /** When its first job started. */
  startedAt: EpochMs | null;
  /** When it last ended; null while it goes on. */
  finishedAt: EpochMs | null;
  /** How long it was at work before `busySince`, all told: neither ended nor waiting for a manual job. */
  busyMs: number;
  /** Since when it is at work; null while it is not. */
  busySince: EpochMs | null;
}

/** The queue's row: one per planned job and run. `id` is unique over all runs. */
export interface JobRecord {
  id: string;
  runId: string;
  name: string;
  /** Index into `plan.jobs`. */
  index: number;
  /** Of the waiting jobs of a run the highest is claimed first: `planPriorities`, from what was known when the run was made. */
  priority: number;
  state: JobState;
  /** Of a finished job: its failure was allowed (state failed or canceled). Of a manual one: it does not block. */
  allowed: boolean;
  failureReason: FailureReason | null;
  exitCode: number | null;
  /** Number of the newest attempt; 0 before the first. */
  attempt: number;
  /** Attempts the `retry` policy has spent since a user last asked for one. */
  retriesUsed: number;
  cancelRequested: boolean;
  createdAt: EpochMs;
  /** When it entered the queue. */
  queuedAt: EpochMs | null;
  /** It is not claimed before; null: at once. */
  notBefore: EpochMs | null;
  /** Of the jobs with the same one, over all runs, one is at work at a time: `resourceKey` of its repository and group. */
  resourceKey: string | null;
  /** Of the newest attempt. */
  startedAt: EpochMs | null;
  finishedAt: EpochMs | null;
}

/** What proves that a worker still owns an attempt. */
export interface Lease {
  runId: string;
  jobId: string;
  attempt: number;
  token: string;
}

/** Append-only; once finished it never changes (a trigger of the database sees to that). */
export interface AttemptRecord {
  jobId: string;
  runId: string;
  number: number;
  worker: string;
  leaseToken: string;
  leaseUntil: EpochMs;
  containerName: string | null;
  assignedAt: EpochMs;
  startedAt: EpochMs | null;
  finishedAt: EpochMs | null;
  outcome: "success" | "failed" | "canceled" | null;
  exitCode: number | null;
  failureReason: FailureReason | null;
  /** One sentence for people about the failure, or warnings, one per line. */
  message: string | null;
  logBytes: number;
  /** SHA-256 of the whole log as stored (masked), hex. */
  logSha256: string | null;
  /** Name of the artifact layer, where there is one. */
  artifactLayer: string | null;
  /** Null: nothing of the kind, or it has not ended. */
  results: AttemptResults | null;
}

/** What an attempt brought besides its outcome and artifacts. */
export interface AttemptResults {
  /** The figure that the job's pattern found in its log. */
  coverage: number | null;
  /** Of its JUnit files; null: it has none that could be read. */
  tests: TestCounts | null;
  /** Of its dotenv files: variables of the jobs that get its artifacts. */
  dotenv: Record<string, string> | null;
  /** Name of the layer of its report files, which no other job gets. */
  reportLayer: string | null;
}

export interface ArtifactRecord {
  /** Relative to the workspace, `/`-separated. */
  path: string;
  sizeBytes: number;
  /** Hex; names the blob. */
  sha256: string;
}

/** How an attempt ended, as its worker saw it. */
export interface Outcome {
  status: "success" | "failed" | "canceled";
  exitCode: number | null;
  failureReason: FailureReason | null;
  message: string | null;
  logBytes: number;
  logSha256: string | null;
  artifactLayer: string | null;
  artifacts: ArtifactRecord[];
  results?: AttemptResults | null;
  /** In the order of the reports. */
  testFailures?: TestFailure[];
}

/** `id` rises within a store. `job` and `attempt` are set for job events. */
export interface RunEvent {
  id: number;
  runId: string;
  at: EpochMs;
  type: RunEventType;
  job: string | null;
  attempt: number | null;
  /** Further facts, by type; see `transitions.ts`. */
  data: Record<string, unknown>;
}

export type RunEventType =
  | "run.created"
  | "run.started"
  | "run.status"
  | "run.cancel_requested"
  | "run.stop_requested"
  | "run.reopened"
  | "run.finished"
  | "job.pending"
  | "job.manual"
  | "job.assigned"
  | "job.started"
  | "job.canceling"
  | "job.requeued"
  | "job.finished";

export type NewRunEvent = Omit<RunEvent, "id">;

export const TERMINAL_JOB_STATES: ReadonlySet<JobState> = new Set([
  "success",
  "failed",
  "canceled",
  "skipped",
]);
export const ACTIVE_JOB_STATES: ReadonlySet<JobState> = new Set(["assigned", "running", "canceling"]);
export const TERMINAL_RUN_STATUSES: ReadonlySet<RunStatus> = new Set([
  "success",
  "failed",
  "canceled",
  "skipped",
]);
