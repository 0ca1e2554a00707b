import type { Plan } from "./plan.ts";

/** Who waits for whom, by index into `plan.jobs`. */
export interface PlanGraph {
  /** Null: all jobs of earlier stages. Each need once; none that the plan does not have. */
  needs: readonly (readonly number[] | null)[];
  /** The jobs that name it among their needs. */
  dependents: readonly (readonly number[])[];
  /** The jobs of each stage, in plan order. */
  stages: readonly (readonly number[])[];
}

export function planGraph(plan: Plan): PlanGraph {
  const indexes = new Map(plan.jobs.map(({ name }, index) => [name, index]));
  const needs = plan.jobs.map(
    (job) => job.needs && [...new Set(job.needs.flatMap((name) => indexes.get(name) ?? []))],
  );
  const dependents: number[][] = plan.jobs.map(() => []);
  const stages: number[][] = plan.stages.map(() => []);
  plan.jobs.forEach(({ stageIndex }, index) => {
    stages[stageIndex]!.push(index);
    for (const need of needs[index] ?? []) dependents[need]!.push(index);
  });
  return { needs, dependents, stages };
}
