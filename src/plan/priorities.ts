import type { Plan } from "./plan.ts";
import { planGraph } from "./plan-graph.ts";

/**
 * For each job of the plan the length of the longest path from its start to the end of the run, in whole milliseconds: what it
 * takes itself, and whatever can start only after it, by needs or by stage. Where slots are few, the job with the longest path
 * goes first. `expectedMs`: by job name, what earlier runs took; a job without counts as the median of the others, where there is
 * none as 1. Paths end before a job that does not start when all goes well: `when: manual` and `on_failure`.
 */
export function planPriorities(plan: Plan, expectedMs: ReadonlyMap<string, number>): number[] {
  const { dependents, stages } = planGraph(plan);
  const known = plan.jobs.flatMap(({ name }) => expectedMs.get(name) ?? []);
  const usual = median(known) ?? 1;
  const paths = new Array<number>(plan.jobs.length).fill(0);
  let afterStage = 0;
  const place = (index: number) => {
    const { name } = plan.jobs[index]!;
    const after = dependents[index]!.map((dependent) =>
      isExpected(plan, dependent) ? paths[dependent]! : 0,
    );
    paths[index] = (expectedMs.get(name) ?? usual) + after.reduce((a, b) => Math.max(a, b), afterStage);
  };
  for (const jobs of stages.toReversed()) {
    for (const index of lastFirst(jobs, dependents, plan)) place(index);
    for (const index of jobs) {
      if (plan.jobs[index]!.needs === null && isExpected(plan, index))
        afterStage = Math.max(afterStage, paths[index]!);
    }
  }
  return paths.map((path) => Math.round(path));
}

/** The middle one, of an even number the lower; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1];
}

function isExpected(plan: Plan, index: number): boolean {
  const { when } = plan.jobs[index]!;
  return when === "on_success" || when === "always";
}

/** Kahn's algorithm over the needs inside one stage, from the end: each job after all that need it. */
function lastFirst(
  jobs: readonly number[],
  dependents: readonly (readonly number[])[],
  plan: Plan,
): number[] {
  const stageOf = (index: number) => plan.jobs[index]!.stageIndex;
  const inStage = (index: number) => dependents[index]!.filter((other) => stageOf(other) === stageOf(index));
  const waitingFor = new Map(jobs.map((index) => [index, inStage(index).length]));
  const needed = new Map<number, number[]>(jobs.map((index) => [index, []]));
  for (const index of jobs) for (const dependent of inStage(index)) needed.get(dependent)!.push(index);
  const order = jobs.filter((index) => waitingFor.get(index) === 0);
  for (const index of order) {
    for (const need of needed.get(index)!) {
      const left = waitingFor.get(need)! - 1;
      waitingFor.set(need, left);
      if (left === 0) order.push(need);
    }
  }
  return order;
}
