import type { PlannedJob } from "../plan/plan.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { Executor } from "./executor.ts";
import type { Outlook } from "./outlook.ts";
import type { Persist } from "./persist.ts";
import type { PhaseRecorder } from "./phases.ts";
import type { Lease, RunRecord } from "./records.ts";
import type { SecretSource } from "./secret-source.ts";
import type { Store } from "./store.ts";
import type { Storing } from "./storing.ts";
import type { JunitReader } from "./test-results.ts";
import type { ArtifactReader, FoundCache, LayerStore } from "./workspace.ts";

/** What an attempt is run with; everything that stays the same from one to the next. */
export interface AttemptContext {
  store: Store;
  layers: LayerStore & Pick<ArtifactReader, "readArtifact">;
  executor: Executor;
  instance: string;
  graceMs: number;
  leaseMs: number;
  logLimitBytes: number;
  secrets: SecretSource;
  readJunit: JunitReader;
  persist: Persist;
  /** A run has been started by a job of this worker; who drives the one drives the other. */
  onChild: (runId: string) => void;
}

/**
 * `stop` carries a `StopReason`; `kill` ends the grace that a canceled job has been given; `leave` goes with `detach`: what is
 * not stored now is left to the next owner.
 */
export interface AttemptSignals {
  stop: AbortSignal;
  kill: AbortSignal;
  leave: AbortSignal;
}

/** One that is under way. */
export interface Attempt {
  run: RunRecord;
  lease: Lease;
  planned: PlannedJob;
  name: string;
  log: AttemptLog;
  /** It was running already when this worker got it. */
  isAdopted: boolean;
  toCome: Outlook;
  storing: Storing;
  phases: PhaseRecorder;
  /** The caches that it was given under their own key, by key. */
  restored: Map<string, FoundCache>;
}

/** Readable, and unique by run, job and attempt: the name of container and workspace. */
export function attemptName(run: RunRecord, lease: Lease, planned: PlannedJob): string {
  const slug = planned.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 32);
  const index = run.plan.jobs.indexOf(planned);
  return ["cicd", run.id, index, lease.attempt, slug].filter((part) => part !== "").join("-");
}

export function plannedOf(run: RunRecord, { jobId }: Pick<Lease, "jobId">): PlannedJob {
  const index = Number(jobId.slice(run.id.length + 1));
  return run.plan.jobs[index]!;
}
