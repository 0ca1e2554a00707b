import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { type Candidate, findCandidates } from "./candidates.ts";
import { planChildren } from "./child-plans.ts";
import { describeRules } from "./explain.ts";
import { byOrigin, needProblems } from "./needs.ts";
import type { LeftOut, Plan, RuleTrace } from "./plan.ts";
import { planJobs } from "./plan-jobs.ts";
import type { PlanNote } from "./plan-note.ts";
import type { PullRequest } from "./repository-event.ts";
import {
  leftOutProblem,
  notSelected,
  type PlanProblem,
  type Selection,
  selectionProblems,
} from "./select-jobs.ts";
import { optionProblems } from "./variable-options.ts";
import { decideWorkflow, type WorkflowDecision } from "./workflow.ts";

export interface PlanOptions extends Selection {
  /** Names of `--manual`; others than manual jobs are passed over. */
  manual?: string[];
  facts: Facts;
  pullRequest?: PullRequest;
}

export interface PlanResult {
  /** Undefined exactly when there are problems or something is wanted. */
  plan: Plan | undefined;
  problems: PlanProblem[];
  warnings: PlanNote[];
  /** Of `manual` those that are manual jobs of the run. */
  started: string[];
  /** Not null: fetch these and plan again. */
  wanted: FactsWanted | null;
  /** Also without a plan, as far as they are known: what the rules leave out, and the rules of `workflow` that were looked at. */
  leftOut: LeftOut[];
  workflow: RuleTrace[];
}

const withoutPlan = (problems: PlanProblem[], rest: Partial<PlanResult> = {}): PlanResult => ({
  ...{ plan: undefined, problems, warnings: [], started: [], wanted: null, leftOut: [], workflow: [] },
  ...rest,
});

/** More make a run that nobody can follow. */
const MAX_PLANNED = 10_000;

/**
 * What a run of the pipeline does. A manual job that `--job` or `--manual` names starts by itself: naming it is the click. References
 * in image names to variables that only a run knows (`$CI_COMMIT_SHA`) stay as they are.
 */
export function createPlan(pipeline: Pipeline, options: PlanOptions): PlanResult {
  const wanted: FactsWanted = { changed: [], files: false };
  const context = { facts: options.facts, wanted, notes: [] as PlanNote[] };
  const isWanted = () => wanted.files || wanted.changed.length > 0;
  const wrong = optionProblems(pipeline, options.facts.run);
  if (wrong.length > 0) return withoutPlan(wrong);
  const workflow = decideWorkflow(pipeline, context);
  if (isWanted()) return withoutPlan([], { wanted });
  if (!workflow.runs) return withoutPlan([noRun(pipeline, workflow)], { workflow: workflow.why });
  const { candidates, leftOut } = findCandidates(pipeline, { ...context, variables: workflow.variables });
  const unknown = selectionProblems(
    pipeline,
    [...candidates.map(({ name }) => name), ...leftOut.map(({ job }) => job)],
    options,
  );
  if (unknown.length > 0) return withoutPlan(unknown);
  if (isWanted()) return withoutPlan([], { wanted });
  const problem = countProblem(candidates) ?? leftOutProblem(candidates, leftOut, options);
  if (problem !== undefined) return withoutPlan([problem], { leftOut, workflow: workflow.why });
  return assemble(pipeline, options, { workflow, candidates, leftOut, notes: context.notes });
}

interface Decided {
  workflow: WorkflowDecision;
  candidates: Candidate[];
  leftOut: LeftOut[];
  notes: PlanNote[];
}

function assemble(pipeline: Pipeline, options: PlanOptions, decided: Decided): PlanResult {
  const { workflow, candidates, leftOut, notes } = decided;
  const { facts, pullRequest } = options;
  const traces = { leftOut, workflow: workflow.why };
  const jobs = byOrigin(candidates);
  const passedOver = notSelected(candidates, jobs, pipeline.stages, options);
  const included = candidates.filter(({ name }) => !passedOver.has(name));
  const isEdge = (stage: string) => pipeline.form === "gitlab" && (stage === ".pre" || stage === ".post");
  if (included.every(({ job }) => isEdge(job.stage)))
    return withoutPlan([nothingToDo(pipeline, options, decided)], traces);
  const stageIndex = new Map(pipeline.stages.map((stage, index) => [stage, index]));
  const problems = needProblems(included, jobs, stageIndex);
  if (problems.length > 0) return withoutPlan(problems, traces);
  const inStages = new Set(included.map(({ job }) => job.stage));
  const stages = pipeline.stages.filter((stage) => inStages.has(stage));
  const variables = workflow.variables;
  const { manual = [] } = options;
  const named = [...(options.jobs ?? []), ...manual];
  const planned = planJobs({ included, inRun: jobs, stages, variables, facts, named });
  if (planned.problems.length > 0) return withoutPlan(planned.problems);
  const children = planChildren(planned.jobs, included, variables, options, createPlan);
  if (children.wanted !== null) return withoutPlan([], { wanted: children.wanted });
  if (children.problems.length > 0) return withoutPlan(children.problems, traces);
  return {
    plan: {
      pipeline: pipeline.name,
      stages,
      jobs: children.jobs,
      leftOut: [...leftOut, ...[...passedOver].map(([job, reason]) => ({ job, reason, why: [] }))],
      workflow: workflow.why,
      origin: {
        source: facts.predefined.CI_PIPELINE_SOURCE ?? null,
        defaultBranch: facts.predefined.CI_DEFAULT_BRANCH ?? null,
      },
      variables: {
        global: variables,
        ...(Object.keys(facts.project).length === 0 ? {} : { project: facts.project }),
        run: facts.run,
      },
      ...(pullRequest === undefined ? {} : { pullRequest }),
    },
    problems: [],
    started: manual.filter((name) =>
      included.some((one) => one.when === "manual" && (one.name === name || one.job.name === name)),
    ),
    warnings: [...notes, ...planned.notes, ...children.warnings],
    wanted: null,
    ...traces,
  };
}

function countProblem(candidates: Candidate[]): PlanProblem | undefined {
  if (candidates.length > MAX_PLANNED) {
    const message = `a run of ${candidates.length} jobs; ${MAX_PLANNED} are supported`;
    return { code: "CONFIG_INVALID", message, hint: "split the pipeline, or make the matrices smaller" };
  }
  const names = new Set<string>();
  for (const { name } of candidates) {
    if (names.has(name))
      return {
        code: "CONFIG_INVALID",
        message: `two jobs would be named "${name}"`,
        hint: "rename one of them",
      };
    names.add(name);
  }
  return undefined;
}

function noRun({ name }: Pipeline, { why }: WorkflowDecision): PlanProblem {
  const last = why.at(-1);
  const reason = last?.matched
    ? `rule ${why.length} says never: ${describeRules([last])}`
    : `none of them holds: ${describeRules(why)}`;
  const hint = "--var NAME=VALUE sets a variable that they ask for";
  return {
    code: "NOTHING_TO_DO",
    message: `the rules of "workflow" make no run of "${name}": ${reason}`,
    hint,
  };
}

function nothingToDo(pipeline: Pipeline, { stage, jobs }: PlanOptions, decided: Decided): PlanProblem {
  const { candidates, leftOut } = decided;
  const where = stage === undefined ? `the pipeline "${pipeline.name}"` : `the stage "${stage}"`;
  const ruledOut = leftOut.length > 0 && candidates.length === 0;
  const nothing = ruledOut ? `the rules leave out every job of ${where}` : `${where} has no jobs`;
  const message = (jobs?.length ?? 0) > 0 ? `none of the jobs picked is in ${where}` : nothing;
  return { code: "NOTHING_TO_DO", message };
}
