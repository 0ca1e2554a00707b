import type { Plan, PlannedJob } from "../plan/plan.ts";
import type { JobRecord } from "./records.ts";
import { compositeStatus, isCompleted, type NormalState, normalState } from "./status.ts";

/** What the scheduler makes of a `created` job. */
export type Decision = "wait" | "enqueue" | "ask" | "skip";

/**
 * Decides about every `created` job of a run from the rows alone (GITLAB.md, status computation). `ask`: it becomes
 * `manual`. Deciding once may enable more decisions (a skipped job completes its stage), so callers repeat until nothing
 * changes.
 */
export function decideCreated(plan: Plan, jobs: readonly JobRecord[]): Map<JobRecord, Decision> {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const stages = statesByStage(plan, jobs);
  const decisions = new Map<JobRecord, Decision>();
  for (const job of jobs) {
    if (job.state !== "created") continue;
    const planned = plan.jobs[job.index]!;
    decisions.set(job, decideOne(planned, plan, byName, stages));
  }
  return decisions;
}

function decideOne(
  planned: PlannedJob,
  plan: Plan,
  byName: Map<string, JobRecord>,
  stages: NormalState[][],
): Decision {
  const dag = planned.needs !== null;
  const before = dag
    ? (planned.needs ?? []).flatMap((name) => byName.get(name) ?? []).map(normalState)
    : stages.slice(0, planned.stageIndex).flat();
  if (!before.every(isCompleted)) return "wait";
  const previous = compositeStatus(before, { dag });
  switch (planned.when) {
    case "always":
      return "enqueue";
    case "on_failure":
      return previous === "failed" || (dag && hasFailedAncestor(planned, plan, byName)) ? "enqueue" : "skip";
    case "on_success":
    case "manual": {
      const go = previous === "success" || (!dag && previous === "skipped");
      if (!go) return "skip";
      return planned.when === "manual" ? "ask" : "enqueue";
    }
  }
}

/** On purpose unlike GitLab: a failure is seen through the jobs that were skipped because of it. */
function hasFailedAncestor(planned: PlannedJob, plan: Plan, byName: Map<string, JobRecord>): boolean {
  const seen = new Set<string>();
  const waiting = [...(planned.needs ?? [])];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const job = byName.get(name);
    if (job === undefined) continue;
    const state = normalState(job);
    if (state === "failed") return true;
    if (state !== "skipped") continue;
    const ancestor = plan.jobs[job.index]!;
    waiting.push(
      ...(ancestor.needs ??
        plan.jobs.filter((other) => other.stageIndex < ancestor.stageIndex).map((other) => other.name)),
    );
  }
  return false;
}

function statesByStage(plan: Plan, jobs: readonly JobRecord[]): NormalState[][] {
  const stages: NormalState[][] = plan.stages.map(() => []);
  for (const job of jobs) stages[plan.jobs[job.index]!.stageIndex]!.push(normalState(job));
  return stages;
}
