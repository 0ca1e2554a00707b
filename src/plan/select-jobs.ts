import type { Job, Pipeline } from "../pipeline/pipeline.ts";
import { Suggester } from "../pipeline/suggest.ts";

export interface Selection {
  /** Names of `--job`. */
  jobs?: string[];
  /** Name of `--stage`. */
  stage?: string;
}

/** Why there is no plan. NEED_LEFT_OUT and NEEDS_CIRCLE come of rules: the file alone has no such mistake. */
export interface PlanProblem {
  code: "NOT_FOUND" | "NOTHING_TO_DO" | "NEED_LEFT_OUT" | "NEEDS_CIRCLE";
  message: string;
  hint?: string;
}

/** Names in the selection that the pipeline does not have. */
export function selectionProblems(pipeline: Pipeline, selection: Selection): PlanProblem[] {
  const suggester = new Suggester();
  const missing = (kind: string, name: string, names: string[]): PlanProblem[] => {
    if (names.includes(name)) return [];
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

/**
 * Why each job is left out, by name; a job that is not in the map runs. `--job` takes the named jobs and, transitively,
 * what they need: the jobs of their `needs`, or, where a job has none, the jobs of earlier stages that would hand it
 * artifacts (not those that start by hand or only after a failure). `--stage` takes the jobs of that stage alone; with
 * both, a job must be in both.
 */
export function leftOutJobs(pipeline: Pipeline, selection: Selection): Map<string, string> {
  const leftOut = new Map<string, string>();
  const picked =
    selection.jobs === undefined || selection.jobs.length === 0
      ? undefined
      : withNeeds(pipeline, selection.jobs);
  for (const job of pipeline.jobs) {
    if (picked !== undefined && !picked.has(job.name)) {
      leftOut.set(job.name, "not picked by --job and not needed by a job that is");
    } else if (selection.stage !== undefined && job.stage !== selection.stage) {
      leftOut.set(job.name, `its stage is "${job.stage}", not "${selection.stage}" (--stage)`);
    }
  }
  return leftOut;
}

function withNeeds(pipeline: Pipeline, names: string[]): Set<string> {
  const jobs = new Map(pipeline.jobs.map((job) => [job.name, job]));
  const stageIndex = new Map(pipeline.stages.map((stage, index) => [stage, index]));
  const suppliers = pipeline.jobs.filter(
    (job) => job.artifacts !== undefined && (job.when === "on_success" || job.when === "always"),
  );
  const stageDone = new Set<string>();
  const earlier = (job: Job): string[] => {
    if (stageDone.has(job.stage)) return [];
    stageDone.add(job.stage);
    const index = stageIndex.get(job.stage)!;
    return suppliers
      .filter((supplier) => stageIndex.get(supplier.stage)! < index)
      .map((supplier) => supplier.name);
  };
  const picked = new Set(names);
  for (const name of picked) {
    const job = jobs.get(name);
    if (job === undefined) {
      picked.delete(name);
      continue;
    }
    for (const needed of job.needs?.map((need) => need.job) ?? earlier(job)) picked.add(needed);
  }
  return picked;
}
