import type { Plan, PlannedJob } from "./plan.ts";

/**
 * Names of the jobs by the earliest step in which each may start, as if every job took equally long: a job with `needs`
 * one step after the last of them, another one step after the last job of all earlier stages. Names of one step stand in
 * plan order.
 */
export function startOrder(plan: Plan): string[][] {
  const steps = new Map<string, number>();
  const inStage = Map.groupBy(plan.jobs, (job) => job.stageIndex);
  let earlierStages = -1;
  for (const stage of [...inStage.keys()].sort((a, b) => a - b)) {
    const jobs = inStage.get(stage)!;
    placeStage(jobs, steps, earlierStages + 1);
    for (const job of jobs) earlierStages = Math.max(earlierStages, steps.get(job.name)!);
  }
  const order: string[][] = [];
  for (const job of plan.jobs) {
    const step = steps.get(job.name)!;
    while (order.length <= step) order.push([]);
    order[step]!.push(job.name);
  }
  return order.filter((names) => names.length > 0);
}

/** Kahn's algorithm over the needs inside one stage; needs on earlier stages are placed already. */
function placeStage(jobs: PlannedJob[], steps: Map<string, number>, stageStart: number): void {
  const names = new Set(jobs.map((job) => job.name));
  const waitingFor = new Map<string, number>();
  const dependents = new Map<string, PlannedJob[]>();
  const ready: PlannedJob[] = [];
  for (const job of jobs) {
    const inside = job.needs?.filter((need) => names.has(need)) ?? [];
    waitingFor.set(job.name, inside.length);
    for (const need of inside) {
      const list = dependents.get(need);
      if (list === undefined) dependents.set(need, [job]);
      else list.push(job);
    }
    if (inside.length === 0) ready.push(job);
  }
  for (const job of ready) {
    const after = job.needs?.map((need) => steps.get(need) ?? -1);
    steps.set(
      job.name,
      after === undefined ? stageStart : after.reduce((last, step) => Math.max(last, step), -1) + 1,
    );
    for (const dependent of dependents.get(job.name) ?? []) {
      const left = waitingFor.get(dependent.name)! - 1;
      waitingFor.set(dependent.name, left);
      if (left === 0) ready.push(dependent);
    }
  }
}
