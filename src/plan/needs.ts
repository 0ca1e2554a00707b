import type { Need } from "../pipeline/pipeline.ts";
import type { Candidate } from "./candidates.ts";
import { fitsRows } from "./matrix.ts";
import type { PlanProblem } from "./select-jobs.ts";

/** By the job of the file, those that the rules let into the run. */
export type ByOrigin = ReadonlyMap<string, readonly Candidate[]>;

export function byOrigin(candidates: readonly Candidate[]): ByOrigin {
  return Map.groupBy(candidates, ({ job }) => job.name);
}

/** All instances that a need means. */
export function neededBy({ job, matrix }: Need, jobs: ByOrigin): readonly Candidate[] {
  const all = jobs.get(job) ?? [];
  return matrix === undefined ? all : all.filter((instance) => fitsRows(instance, matrix));
}

/** Needs that the run cannot have: on what the rules leave out, on a later stage, in a circle. */
export function needProblems(
  candidates: readonly Candidate[],
  jobs: ByOrigin,
  stageIndex: ReadonlyMap<string, number>,
): PlanProblem[] {
  const problems = candidates.flatMap((candidate) =>
    (candidate.needs ?? []).flatMap((need) => needProblem(candidate, need, jobs, stageIndex) ?? []),
  );
  if (problems.length > 0 || !candidates.some(({ needsOfRule }) => needsOfRule)) return problems;
  const circle = findCircle(candidates, jobs);
  if (circle === undefined) return [];
  const message = `jobs need each other in a circle: ${circle.join(" -> ")}`;
  return [{ code: "NEEDS_CIRCLE", message, hint: "the needs of a rule are part of it" }];
}

function needProblem(
  { name, job, needsOfRule }: Candidate,
  need: Need,
  jobs: ByOrigin,
  stageIndex: ReadonlyMap<string, number>,
): PlanProblem | undefined {
  const [needed] = neededBy(need, jobs);
  if (needed === undefined) {
    if (need.optional) return undefined;
    const which = need.matrix === undefined ? `"${need.job}"` : `the jobs of "${need.job}" with these values`;
    const message = `the job "${name}" needs ${which}, and that is not in the run`;
    return {
      code: "NEED_LEFT_OUT",
      message,
      hint: "give both the same rules, or make the need optional: true",
    };
  }
  if (!needsOfRule || stageIndex.get(needed.job.stage)! <= stageIndex.get(job.stage)!) return undefined;
  const message = `a rule lets the job "${name}" need "${need.job}" of the later stage "${needed.job.stage}"`;
  return { code: "CONFIG_INVALID", message, hint: "a job can need jobs of its own and of earlier stages" };
}

/** Without recursion: a pipeline may have thousands of jobs in a row. */
function findCircle(candidates: readonly Candidate[], jobs: ByOrigin): string[] | undefined {
  const waits = new Map(
    candidates.map((candidate) => [
      candidate.name,
      new Set((candidate.needs ?? []).flatMap((need) => neededBy(need, jobs).map(({ name }) => name))),
    ]),
  );
  const dependents = new Map<string, string[]>();
  for (const [name, needs] of waits)
    for (const need of needs) dependents.set(need, [...(dependents.get(need) ?? []), name]);
  const ready = [...waits].filter(([, needs]) => needs.size === 0).map(([name]) => name);
  for (const done of ready) {
    waits.delete(done);
    for (const name of dependents.get(done) ?? []) {
      const needs = waits.get(name);
      if (needs?.delete(done) && needs.size === 0) ready.push(name);
    }
  }
  const [first] = waits.keys();
  if (first === undefined) return undefined;
  const path = [first];
  for (;;) {
    const next = [...waits.get(path.at(-1)!)!].find((name) => waits.has(name))!;
    const start = path.indexOf(next);
    path.push(next);
    if (start !== -1) return path.slice(start);
  }
}
