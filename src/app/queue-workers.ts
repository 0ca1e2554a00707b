import type { EpochMs, JobRecord, RunRecord } from "../run/records.ts";
import type { WorkerRecord } from "../run/registry.ts";
import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";

/** A worker reports every 10 seconds; one that has said nothing for so long is taken for gone. */
const SILENT_MS = 60_000;

/** The workers that take jobs now, where one of these runs waits for any; undefined: none does. */
export async function findQueueWorkers(app: App, details: RunDetail[]): Promise<WorkerRecord[] | undefined> {
  if (!details.some(({ run, jobs }) => jobs.some((job) => isQueued(run, job)))) return undefined;
  return listQueueWorkers(app);
}

/** The workers that take jobs now. */
export async function listQueueWorkers(app: App): Promise<WorkerRecord[]> {
  return (await (await app.registry()).listWorkers()).filter((worker) => takesJobs(worker, app.now()));
}

/** Why a queued job is not begun although nothing is before it: `"train" waits for a worker with the label gpu; there is none`. */
export function whyWaiting(
  run: Pick<RunRecord, "mode" | "executor" | "plan">,
  job: Pick<JobRecord, "index" | "state">,
  workers: WorkerRecord[],
): string | undefined {
  if (!isQueued(run, job)) return undefined;
  const { executor } = run;
  const { name, tags } = run.plan.jobs[job.index]!;
  const fits = ({ executors, labels }: WorkerRecord) =>
    executors.includes(executor) && tags.every((tag) => labels.includes(tag));
  if (workers.some(fits)) return undefined;
  const labels =
    tags.length === 0 ? "" : ` with the ${tags.length === 1 ? "label" : "labels"} ${tags.join(", ")}`;
  return `${JSON.stringify(name)} waits for a worker${labels} (${executor}); there is none`;
}

export function isQueued({ mode }: Pick<RunRecord, "mode">, job: Pick<JobRecord, "state">): boolean {
  return mode === "queue" && job.state === "pending";
}

function takesJobs({ state, seenAt }: WorkerRecord, now: EpochMs): boolean {
  return state === "active" && now - seenAt < SILENT_MS;
}
