import type { Pipeline } from "../pipeline/pipeline.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { Candidate } from "./candidates.ts";
import { isInstanceOf } from "./matrix.ts";
import { type ByOrigin, neededBy } from "./needs.ts";
import type { LeftOut } from "./plan.ts";

export interface Selection {
  /** Names of `--job`: of a job of the file (all that `parallel` makes of it), or of one of these. */
  jobs?: string[];
  /** Name of `--stage`. */
  stage?: string;
}

/**
 * Why there is no plan. NEED_LEFT_OUT and NEEDS_CIRCLE come of rules: the file alone has no such mistake. CONFIG_INVALID: it has
 * one that shows here alone, such as two jobs with one name. USAGE: a variable of the run has a value that it must not have.
 */
export interface PlanProblem {
  code: "USAGE" | "NOT_FOUND" | "NOTHING_TO_DO" | "NEED_LEFT_OUT" | "NEEDS_CIRCLE" | "CONFIG_INVALID";
  message: string;
  hint?: string;
}

/** Names in the selection that the pipeline does not have. */
export function selectionProblems(
  pipeline: Pipeline,
  instances: readonly string[],
  selection: Selection,
): PlanProblem[] {
  const suggester = new Suggester();
  const missing = (kind: string, name: string, names: string[]): PlanProblem[] => {
    if (names.includes(name) || (kind === "job" && instances.includes(name))) return [];
    const few = names.slice(0, 12).join(", ") + (names.length > 12 ? ", ..." : "");
    const hint = suggester.hint(name, names) ?? `there are: ${few}`;
    return [{ code: "NOT_FOUND", message: `the pipeline "${pipeline.name}" has no ${kind} "${name}"`, hint }];
  };
  const jobNames = pipeline.jobs.map((job) => job.name);
  return [
    ...(selection.jobs ?? []).flatMap((name) => missing("job", name, jobNames)),
    ...(selection.stage === undefined ? [] : missing("stage", selection.stage, pipeline.stages)),
  ];
}

/** What is wrong with picking jobs that their rules leave out: that never passes silently. */
export function leftOutProblem(
  candidates: readonly Candidate[],
  leftOut: readonly LeftOut[],
  { jobs: picked = [] }: Selection,
): PlanProblem | undefined {
  const inRun = new Set(candidates.flatMap(({ name, job }) => [name, job.name]));
  const gone = picked.find((name) => !inRun.has(name));
  if (gone === undefined) return undefined;
  const entry = leftOut.find(({ job }) => job === gone || isInstanceOf(job, gone))!;
  return {
    code: "NOTHING_TO_DO",
    message: `the rules leave out the job "${gone}": ${entry.reason}`,
    hint: "--var NAME=VALUE sets a variable that its rules ask for",
  };
}

/**
 * Why each job is left out, by name; a job that is not in the map runs. `--job` takes the named jobs and, transitively,
 * what they need: the jobs of their `needs`, or, where a job has none, the jobs of earlier stages that would hand it
 * artifacts (not those that start by hand or only after a failure). `--stage` takes the jobs of that stage alone; with
 * both, a job must be in both.
 */
export function notSelected(
  candidates: readonly Candidate[],
  jobs: ByOrigin,
  stages: readonly string[],
  { jobs: names = [], stage }: Selection,
): Map<string, string> {
  const leftOut = new Map<string, string>();
  const picked = names.length === 0 ? undefined : withNeeds(candidates, jobs, stages, new Set(names));
  for (const { name, job } of candidates) {
    if (picked !== undefined && !picked.has(name)) {
      leftOut.set(name, "not picked by --job and not needed by a job that is");
    } else if (stage !== undefined && job.stage !== stage) {
      leftOut.set(name, `its stage is "${job.stage}", not "${stage}" (--stage)`);
    }
  }
  return leftOut;
}

function withNeeds(
  candidates: readonly Candidate[],
  jobs: ByOrigin,
  stages: readonly string[],
  names: ReadonlySet<string>,
): Set<string> {
  const stageIndex = new Map(stages.map((stage, index) => [stage, index]));
  const suppliers = candidates.filter(
    ({ job, when }) => job.artifacts !== undefined && (when === "on_success" || when === "always"),
  );
  const stageDone = new Set<string>();
  const earlier = ({ job }: Candidate): Candidate[] => {
    if (stageDone.has(job.stage)) return [];
    stageDone.add(job.stage);
    const index = stageIndex.get(job.stage)!;
    return suppliers.filter((supplier) => stageIndex.get(supplier.job.stage)! < index);
  };
  const picked = new Set(candidates.filter(({ name, job }) => names.has(name) || names.has(job.name)));
  for (const candidate of picked) {
    const needed = candidate.needs?.flatMap((need) => neededBy(need, jobs)) ?? earlier(candidate);
    for (const other of needed) picked.add(other);
  }
  return new Set([...picked].map(({ name }) => name));
}
