import { ACTIVE_JOB_STATES, type JobRecord, type RunStatus } from "./records.ts";

/**
 * A job's state as the status computation sees it: `warning` is an allowed failure or cancellation, `ignored` a manual
 * job that does not block.
 */
export type NormalState = (typeof NORMAL_STATES)[number];

export const NORMAL_STATES = [
  "created",
  "manual",
  "waiting_for_resource",
  "pending",
  "running",
  "success",
  "failed",
  "canceled",
  "skipped",
  "warning",
  "ignored",
] as const;

export function normalState(job: Pick<JobRecord, "state" | "allowed">): NormalState {
  switch (job.state) {
    case "assigned":
      return "pending";
    case "canceling":
      return "running";
    case "failed":
    case "canceled":
      return job.allowed ? "warning" : job.state;
    case "manual":
      return job.allowed ? "ignored" : "manual";
    default:
      return job.state;
  }
}

const COMPLETED: ReadonlySet<NormalState> = new Set([
  "success",
  "failed",
  "canceled",
  "skipped",
  "warning",
  "ignored",
]);

export function isCompleted(state: NormalState): boolean {
  return COMPLETED.has(state);
}

/**
 * One status for a set of jobs: GitLab's `Gitlab::Ci::Status::Composite`, first match wins. With `dag` the set is the
 * needs of one job. On purpose unlike GitLab, a DAG set is decided only when all of it is completed.
 */
export function compositeStatus(states: Iterable<NormalState>, options: { dag: boolean }): NormalState {
  const present = new Set(states);
  if (present.size === 1 && present.has("success")) return "success";
  const only = (...allowed: NormalState[]) => [...present].every((state) => allowed.includes(state));
  const any = (...wanted: NormalState[]) => wanted.some((state) => present.has(state));

  if (options.dag && [...present].some((state) => !isCompleted(state))) return "pending";
  if (options.dag && any("skipped", "ignored")) return "skipped";
  if (present.size > 0 && only("skipped", "ignored")) return "skipped";
  if (only("success", "skipped", "warning", "ignored")) return "success";
  if (only("created", "warning", "ignored")) return "created";
  if (only("canceled", "success", "skipped", "warning", "ignored")) return "canceled";
  if (only("pending", "created", "skipped", "warning", "ignored")) return "pending";
  if (any("running", "pending")) return "running";
  if (any("waiting_for_resource")) return "waiting_for_resource";
  if (any("manual")) return "manual";
  if (any("created")) return "running";
  return "failed";
}

/** The status of a run, from its job rows alone. */
export function runStatus(
  jobs: readonly Pick<JobRecord, "state" | "allowed" | "cancelRequested">[],
): RunStatus {
  const isStopping = jobs.some((job) => job.cancelRequested && ACTIVE_JOB_STATES.has(job.state));
  return statusOf(jobs.map(normalState), isStopping);
}

/** The same from the states that its jobs are in. `isStopping`: something that was told to stop is still there. */
export function statusOf(states: Iterable<NormalState>, isStopping: boolean): RunStatus {
  if (isStopping) return "canceling";
  const status = compositeStatus(states, { dag: false });
  switch (status) {
    case "created":
    case "waiting_for_resource":
      return "pending";
    case "warning":
    case "ignored":
      return "success";
    default:
      return status;
  }
}

/** The status of a stage, from the rows of its jobs: in the words of reports. */
export function stageStatus(
  jobs: readonly Pick<JobRecord, "state" | "allowed" | "cancelRequested">[],
): RunStatus | "created" {
  if (jobs.every((job) => job.state === "created")) return "created";
  return runStatus(jobs);
}

export function hasWarnings(jobs: readonly Pick<JobRecord, "state" | "allowed">[]): boolean {
  return jobs.some((job) => normalState(job) === "warning");
}
