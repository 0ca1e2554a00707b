import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { AllowFailure, Job, Pipeline } from "../pipeline/pipeline.ts";
import { inheritedVariables } from "./environment.ts";
import { expandReferences, expandVariables } from "./expand.ts";
import type { Plan, PlannedJob } from "./plan.ts";
import type { PlanNote } from "./plan-note.ts";
import type { PullRequest } from "./repository-event.ts";
import { leftOutJobs, type PlanProblem, type Selection, selectionProblems } from "./select-jobs.ts";

export interface PlanOptions extends Selection {
  facts: Facts;
  pullRequest?: PullRequest;
}

export interface PlanResult {
  /** Undefined exactly when there are problems or something is wanted. */
  plan: Plan | undefined;
  problems: PlanProblem[];
  warnings: PlanNote[];
  /** Not null: fetch these and plan again. */
  wanted: FactsWanted | null;
}

const withoutPlan = (problems: PlanProblem[]): PlanResult => ({
  plan: undefined,
  problems,
  warnings: [],
  wanted: null,
});

/**
 * What a run of the pipeline does. A manual job that `--job` names starts by itself: naming it is the click. References
 * in image names to variables that only a run knows (`$CI_COMMIT_SHA`) stay as they are.
 */
export function createPlan(pipeline: Pipeline, options: PlanOptions): PlanResult {
  const problems = selectionProblems(pipeline, options);
  if (problems.length > 0) return withoutPlan(problems);
  const leftOut = leftOutJobs(pipeline, options);
  const included = pipeline.jobs.filter((job) => !leftOut.has(job.name));
  if (included.length === 0) return withoutPlan([nothingToDo(pipeline, options)]);
  const inStages = new Set(included.map((job) => job.stage));
  const stages = pipeline.stages.filter((stage) => inStages.has(stage));
  return {
    plan: {
      pipeline: pipeline.name,
      stages,
      jobs: planJobs(included, stages, pipeline, options),
      leftOut: [...leftOut].map(([job, reason]) => ({ job, reason, why: [] })),
      workflow: [],
      origin: {
        source: options.facts.predefined.CI_PIPELINE_SOURCE ?? null,
        defaultBranch: options.facts.predefined.CI_DEFAULT_BRANCH ?? null,
      },
      variables: { global: pipeline.variables, run: options.facts.run },
      ...(options.pullRequest === undefined ? {} : { pullRequest: options.pullRequest }),
    },
    problems: [],
    warnings: [],
    wanted: null,
  };
}

function nothingToDo(pipeline: Pipeline, { stage, jobs }: PlanOptions): PlanProblem {
  const where = stage === undefined ? `the pipeline "${pipeline.name}"` : `the stage "${stage}"`;
  const message = (jobs?.length ?? 0) > 0 ? `none of the jobs picked is in ${where}` : `${where} has no jobs`;
  return { code: "NOTHING_TO_DO", message };
}

function planJobs(included: Job[], stages: string[], pipeline: Pipeline, options: PlanOptions): PlannedJob[] {
  const stageIndex = new Map(stages.map((stage, index) => [stage, index]));
  const indexOf = (job: Job) => stageIndex.get(job.stage)!;
  const ordered = [...included].sort((a, b) => indexOf(a) - indexOf(b));
  const position = new Map(ordered.map((job, index) => [job.name, index]));
  const suppliers = ordered.filter((job) => job.artifacts !== undefined);
  const fromEarlier = stages.map((_, stage) =>
    suppliers.filter((job) => indexOf(job) < stage).map(({ name }) => name),
  );
  const named = new Set(options.jobs);
  return ordered.map((job) => {
    const needs = job.needs?.filter((need) => position.has(need.job));
    return {
      name: job.name,
      origin: job.name,
      at: job.at,
      node: null,
      why: [],
      stage: job.stage,
      stageIndex: indexOf(job),
      image: plannedImage(job, pipeline, options),
      beforeScript: job.beforeScript,
      script: job.script,
      afterScript: job.afterScript,
      needs: needs?.map((need) => need.job) ?? null,
      artifactsFrom:
        needs
          ?.filter((need) => need.artifacts && ordered[position.get(need.job)!]!.artifacts !== undefined)
          .map((need) => need.job)
          .sort((a, b) => position.get(a)! - position.get(b)!) ?? fromEarlier[indexOf(job)]!,
      when: job.when === "manual" && named.has(job.name) ? "on_success" : job.when,
      allowFailure: allowFailureOf(job),
      artifacts: job.artifacts ?? null,
      variables: job.variables,
      inheritVariables: job.inheritVariables,
      timeoutMs: job.timeoutMs,
      retry: job.retry,
      tags: job.tags,
      interruptible: job.interruptible,
    };
  });
}

function allowFailureOf({ allowFailure, when }: Job): AllowFailure {
  return allowFailure ?? when === "manual";
}

function plannedImage(job: Job, pipeline: Pipeline, options: PlanOptions): PlannedJob["image"] {
  if (job.image === undefined) return null;
  if (!job.image.name.includes("$")) return job.image;
  const own = {
    ...inheritedVariables(job, pipeline.variables),
    ...job.variables,
    ...options.facts.run,
  };
  const variables = new Map(Object.entries(expandVariables(own, {}, "kept")));
  return { ...job.image, name: expandReferences(job.image.name, (name) => variables.get(name)) };
}
