import type { Plan } from "../plan/plan.ts";
import type { Progress } from "./progress.ts";
import { compositeStatus, normalState } from "./status.ts";

/** What the scheduler makes of a `created` job once everything it waited for is completed. */
export type Decision = "enqueue" | "ask" | "skip";

/**
 * Decides about a ready job (GITLAB.md, status computation). `ask`: it becomes `manual`. Deciding may make more jobs ready (a
 * skipped job completes its stage), so callers repeat until none is.
 */
export function decideReady(plan: Plan, index: number, progress: Progress): Decision {
  const { needs, when } = plan.jobs[index]!;
  const dag = needs !== null;
  const previous = compositeStatus(progress.statesBefore(index), { dag });
  switch (when) {
    case "always":
      return "enqueue";
    case "on_failure":
      return previous === "failed" || (dag && hasFailedAncestor(plan, index, progress)) ? "enqueue" : "skip";
    case "on_success":
    case "delayed":
    case "manual": {
      const go = previous === "success" || (!dag && previous === "skipped");
      if (!go) return "skip";
      return when === "manual" ? "ask" : "enqueue";
    }
  }
}

/** On purpose unlike GitLab: a failure is seen through the jobs that were skipped because of it. */
function hasFailedAncestor(plan: Plan, of: number, { graph, jobs }: Progress): boolean {
  const seen = new Set<number>();
  const waiting = [...(graph.needs[of] ?? [])];
  let stagesSeen = 0;
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    if (seen.has(index)) continue;
    seen.add(index);
    const state = normalState(jobs[index]!);
    if (state === "failed") return true;
    if (state !== "skipped") continue;
    const needs = graph.needs[index]!;
    const { stageIndex } = plan.jobs[index]!;
    for (const ancestor of needs ?? graph.stages.slice(stagesSeen, stageIndex).flat()) waiting.push(ancestor);
    if (needs === null) stagesSeen = Math.max(stagesSeen, stageIndex);
  }
  return false;
}
