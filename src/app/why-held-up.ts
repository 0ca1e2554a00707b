import { formatDuration } from "../pipeline/duration.ts";
import { isPutOff } from "../run/job-moves.ts";
import type { EpochMs, JobRecord } from "../run/records.ts";
import type { ResourceHolder, RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";

/** Who has the resource groups that jobs of these runs wait for. Nothing is asked where none waits for one. */
export async function findHolders(app: App, details: readonly RunDetail[]): Promise<ResourceHolder[]> {
  const jobs = details.flatMap((detail) => detail.jobs);
  const keys = jobs.flatMap(({ state, resourceKey }) =>
    state === "pending" && resourceKey !== null ? [resourceKey] : [],
  );
  if (keys.length === 0) return [];
  return (await app.store()).findResourceHolders([...new Set(keys)]);
}

/** Why a queued job may not begin yet: `"deploy" waits for the resource group "production", held by "deploy" of web #12`. */
export function whyHeldUp(
  { run }: Pick<RunDetail, "run">,
  job: JobRecord,
  { now, holders }: { now: EpochMs; holders: readonly ResourceHolder[] },
): string | undefined {
  const name = JSON.stringify(job.name);
  if (isPutOff(job, now)) return `${name} is delayed: it starts in ${formatDuration(job.notBefore! - now)}`;
  const holder = job.state === "pending" && holders.find((each) => each.resourceKey === job.resourceKey);
  if (!holder) return undefined;
  const group = JSON.stringify(run.plan.jobs[job.index]!.resourceGroup);
  const whose = holder.runId === run.id ? "this run" : `${holder.pipeline} #${holder.number}`;
  return `${name} waits for the resource group ${group}, held by ${JSON.stringify(holder.job)} of ${whose}`;
}
