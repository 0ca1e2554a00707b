import { startOrder } from "./order.ts";
import type { Plan, PlannedJob } from "./plan.ts";

/**
 * What manual jobs hold up: `waits`, the job starts after they did; `skipped`, it needs manual jobs that do not block,
 * and is skipped unless they are started.
 */
export interface ManualGate {
  effect: "waits" | "skipped";
  manual: string[];
}

/** By name, the jobs that will not start by themselves because of manual jobs before them. */
export function manualGates(plan: Plan): Map<string, ManualGate> {
  const gates = new Map<string, ManualGate>();
  if (!plan.jobs.some((job) => job.when === "manual")) return gates;
  const jobs = new Map(plan.jobs.map((job) => [job.name, job]));
  const ofStages = new Map<number, ManualGate | undefined>();
  for (const job of startOrder(plan).flatMap((names) => names.map((name) => jobs.get(name)!))) {
    const { needs, stageIndex, when, name } = job;
    if (needs === null && !ofStages.has(stageIndex)) {
      const earlier = plan.jobs.filter((other) => other.stageIndex < stageIndex);
      ofStages.set(stageIndex, gateOf(earlier, gates));
    }
    const gate =
      needs === null
        ? ofStages.get(stageIndex)
        : gateOf(
            needs.flatMap((need) => jobs.get(need) ?? []),
            gates,
          );
    if (gate === undefined) continue;
    if (gate.effect === "waits" || (needs !== null && when !== "always")) gates.set(name, gate);
  }
  return gates;
}

/** `before` are the jobs that a job waits for; their own gates are known. */
function gateOf(before: PlannedJob[], gates: Map<string, ManualGate>): ManualGate | undefined {
  const manual = { waits: new Set<string>(), skipped: new Set<string>() };
  for (const job of before) {
    const gate = gates.get(job.name);
    for (const name of gate?.manual ?? []) manual[gate!.effect].add(name);
    if (job.when === "manual" && gate === undefined)
      manual[job.allowFailure === true ? "skipped" : "waits"].add(job.name);
  }
  const effect = manual.waits.size > 0 ? "waits" : "skipped";
  return manual[effect].size === 0 ? undefined : { effect, manual: [...manual[effect]] };
}
