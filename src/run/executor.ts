import type { PlannedJob } from "../plan/plan.ts";
import type { Outlook } from "./outlook.ts";
import type { FailureReason } from "./records.ts";
import type { ArtifactSink, LayerPath } from "./workspace.ts";

/**
 * Where attempts run. `docker`, `shell` and `fake` pass one contract test. A job's failure is a value
 * (`ExecutionResult`); what throws (`CicdError` DOCKER_UNREACHABLE, DOCKER_FAILED, ...) is the machine's fault and becomes
 * `runner_system_failure`.
 */
export interface Executor extends AsyncDisposable {
  readonly kind: "docker" | "shell" | "fake";
  /** Throws where nothing can be started here now (DOCKER_UNREACHABLE); within some seconds. */
  check(): Promise<void>;
  /** Where an attempt of this `AttemptSpec.name` finds its workspace: an absolute path as the job sees it. */
  projectDir(name: string): string;
  /** Where it finds the file of this name of `AttemptSpec.files`. */
  filePath(name: string, file: string): string;
  /**
   * A hint: a run of `expected.jobs` is about to begin with this image, so many of them at once. What can be made ready for them
   * may be; what is not used is gone with the executor.
   */
  prepare?(image: string, expected: Outlook): void;
  /**
   * Pulls or finds the image, makes the workspace and starts the job; where the same container (by `spec.name`) exists
   * already, adopts it: it is never started twice. Aborting `signal` stops the job: see `StopReason`.
   */
  start(spec: AttemptSpec, signal: AbortSignal): Promise<Execution>;
  /**
   * Stops and removes every labelled object of this instance whose attempt `isLive` denies, whoever left it. Never
   * touches what does not carry this instance's label.
   */
  sweep(isLive: (labels: AttemptLabels) => Promise<boolean>): Promise<SweepResult>;
}

export interface AttemptLabels {
  instance: string;
  run: string;
  job: string;
  attempt: number;
}

export interface AttemptSpec {
  /** Deterministic, unique per attempt: name of container and workspace. `[a-z0-9][a-z0-9_.-]*` */
  name: string;
  labels: AttemptLabels;
  /** Without references to variables; those of its services hold their final values. */
  job: PlannedJob;
  /** The whole environment of the job; values may hold newlines. */
  environment: Record<string, string>;
  /** Outside of the workspace, where `filePath` says; names are names of variables. */
  files: { name: string; text: string }[];
  /** Lowest first: the snapshot, caches, then the artifacts of the needs. Later ones cover earlier ones. */
  layers: LayerPath[];
  /** What is left of the job's time, from the call of `start` on: pulls and preparations count. */
  timeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  /** An upper bound for what the container engine keeps of the log. */
  logLimitBytes: number;
  /** Log bytes already stored by an earlier owner; `logs` starts after them. 0 for a new attempt. */
  logOffset: number;
  /** The job has printed something under an earlier owner: where nothing of it is left, it is not started again but fails. */
  isUnderWay: boolean;
  /** Whether it pays to keep or prepare something for later jobs of the run. */
  toCome: Outlook;
  /** Progress before the first log byte: pulls and the like, one line each. */
  onProgress: (line: string) => void;
  /** What `start` does from now on. A phase may come again, and one that takes no time may be left out. */
  onPhase: (phase: StartPhase) => void;
}

/** `pull`: finding the image as well. `services`: until they are healthy. `start`: creating and starting the job's container. */
export type StartPhase = "pull" | "workspace" | "services" | "start";

/** Reasons for `signal.abort(reason)`. `kill`: no grace. `lease_lost`: stop at once, another owner may be there. `detach`: leave it running. */
export type StopReason = "cancel" | "kill" | "lease_lost" | "detach";

export interface Execution extends AsyncDisposable {
  /** Everything the job prints (stdout and stderr in order), from `spec.logOffset` on; ends when the job has ended. One reader, back-pressured. */
  readonly logs: AsyncIterable<Uint8Array>;
  /** Never rejects for what the job does; settles after the job and its `after_script` have ended. */
  readonly result: Promise<ExecutionResult>;
  /**
   * After `result`: puts the workspace's files that the patterns name into the sink. Returns the patterns that matched
   * nothing. Never follows a link out of the workspace. Aborting `signal` ends it: it rejects, and the sink is to be
   * disposed of.
   */
  collect(
    selection: FileSelection,
    sink: ArtifactSink,
    signal: AbortSignal,
  ): Promise<{ unmatched: string[] }>;
  /**
   * After `result`: whether what the selection finds is what it finds in this layer, one of the spec's, and nothing else, where
   * that can be told without reading it; `false` where it cannot.
   */
  isUntouched?(layer: LayerPath, selection: FileSelection): Promise<boolean>;
  /** Ends it at once, even while a grace period runs. */
  kill(): void;
  /** Removes container, workspace and whatever else carries the attempt's labels. Idempotent. Not after `detach`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Files of a workspace: what the patterns of `paths` name and what `isUntracked` says, without what those of `exclude` do. */
export interface FileSelection {
  paths: string[];
  exclude: string[];
  /** Of a path relative to the workspace, a directory's as well. */
  isUntracked?: (path: string) => boolean;
}

export interface ExecutionResult {
  status: "success" | "failed" | "canceled";
  exitCode: number | null;
  failureReason: FailureReason | null;
  message: string | null;
}

export interface SweepResult {
  containers: number;
  networks: number;
  volumes: number;
  directories: number;
}
