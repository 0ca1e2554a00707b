import type { PlannedJob } from "../plan/plan.ts";
import type { JobRecord } from "../run/records.ts";
import { normalState } from "../run/status.ts";
import type { RunDetail } from "../run/store.ts";

/** The manual jobs that a run waits for. */
export function awaitedJobs({ run, jobs }: RunDetail): string[] {
  return run.status === "manual"
    ? jobs.filter((job) => normalState(job) === "manual").map((job) => job.name)
    : [];
}

/** Why a run has left a job without an attempt although nobody canceled it: `"unit" was skipped: "compile" failed`. */
export function whyUnstarted(detail: RunDetail, job: JobRecord): string | undefined {
  const name = JSON.stringify(job.name);
  if (job.state === "manual") return `${name} is a manual job: it waits to be started`;
  if (job.state === "created") {
    const awaited = awaitedJobs(detail);
    return awaited.length === 0 ? undefined : `${name} did not run: it waits for ${quoted(awaited)}`;
  }
  if (job.state !== "skipped") return undefined;
  const planned = detail.run.plan.jobs[job.index]!;
  const before = jobsBefore(detail, planned);
  if (planned.when === "on_failure")
    return `${name} was skipped: it runs only after a failure, and nothing failed`;
  const bad = before.filter((other) =>
    ["failed", "canceled", "skipped", "ignored"].includes(normalState(other)),
  );
  const first = bad.find((other) => normalState(other) === "failed") ?? bad[0];
  if (first === undefined) return `${name} was skipped`;
  const state = first.state === "manual" ? "has not been started" : WORDS[first.state];
  return `${name} was skipped: ${JSON.stringify(first.name)} ${state ?? `is ${first.state}`}`;
}

const WORDS: Partial<Record<JobRecord["state"], string>> = {
  failed: "failed",
  canceled: "was canceled",
  skipped: "was skipped",
};

/** What a job waits for: its needs, or all jobs of earlier stages. */
export function jobsBefore({ run, jobs }: RunDetail, { needs, stageIndex }: PlannedJob): JobRecord[] {
  return jobs.filter((job) =>
    needs === null ? run.plan.jobs[job.index]!.stageIndex < stageIndex : needs.includes(job.name),
  );
}

function quoted(names: string[]): string {
  return names.map((name) => JSON.stringify(name)).join(", ");
}
