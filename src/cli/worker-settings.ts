import type { QueueWorkOptions } from "../app/work-queue.ts";
import type { Config } from "../config/config.ts";

type WorkerSettings = Pick<
  QueueWorkOptions,
  "title" | "labels" | "executor" | "slots" | "graceMs" | "logLimitBytes"
>;

/** What the settings say of a worker of the queue, in `cicd serve` or of its own. */
export function workerSettings(config: Config): WorkerSettings {
  const { team, executor, maxParallelJobs, graceMs, logLimitBytes } = config;
  return {
    title: team.workerName,
    labels: team.workerLabels,
    executor: executor ?? "docker",
    slots: maxParallelJobs,
    graceMs,
    logLimitBytes,
  };
}
