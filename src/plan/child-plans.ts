import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { Variables } from "../pipeline/pipeline.ts";
import type { Candidate } from "./candidates.ts";
import type { PlanOptions, PlanResult } from "./create-plan.ts";
import { inheritedVariables } from "./environment.ts";
import type { Plan, PlannedJob } from "./plan.ts";
import type { PlanNote } from "./plan-note.ts";
import { groupThatWaitsForItself } from "./resource-group.ts";
import type { PlanProblem } from "./select-jobs.ts";

export interface ChildPlans {
  jobs: PlannedJob[];
  problems: PlanProblem[];
  warnings: PlanNote[];
  /** Not null: fetch these and plan again. */
  wanted: FactsWanted | null;
}

type Create = (
  pipeline: NonNullable<Candidate["job"]["trigger"]>["child"],
  options: PlanOptions,
) => PlanResult;

/**
 * The jobs of a run, those that start pipelines with the plans of these: made of what is known of the run itself, whatever becomes of
 * it meanwhile. One that the rules leave nothing of has no jobs. `variables`: of the pipeline.
 */
export function planChildren(
  jobs: PlannedJob[],
  included: readonly Candidate[],
  variables: Variables,
  { facts, pullRequest }: PlanOptions,
  create: Create,
): ChildPlans {
  const planned: ChildPlans = { jobs: [], problems: [], warnings: [], wanted: null };
  const candidates = new Map(included.map((candidate) => [candidate.name, candidate]));
  for (const job of jobs) {
    const candidate = candidates.get(job.name)!;
    const { trigger } = candidate.job;
    if (trigger === undefined) {
      planned.jobs.push(job);
      continue;
    }
    const given = { facts: factsOfChild(candidate, variables, facts) };
    const result = create(trigger.child, { ...given, ...(pullRequest === undefined ? {} : { pullRequest }) });
    const plan = result.plan ?? emptyPlan(trigger.child.name, result, given.facts);
    planned.wanted = both(planned.wanted, result.wanted);
    planned.warnings.push(...result.warnings);
    if (plan === undefined) planned.problems.push(...result.problems.map((one) => ofChild(job, one)));
    else {
      const starting = { ...job, trigger: { plan, depend: trigger.depend } };
      planned.problems.push(...groupThatWaitsForItself(starting));
      planned.jobs.push(starting);
    }
  }
  return planned;
}

/** What a rule of the child sees: the run's own facts, and as `--var` what the job hands on. */
function factsOfChild({ job, variables: own }: Candidate, variables: Variables, facts: Facts): Facts {
  const { yamlVariables, pipelineVariables } = job.trigger!.forward;
  return {
    ...facts,
    predefined: { ...facts.predefined, CI_PIPELINE_SOURCE: "parent_pipeline" },
    run: {
      ...(yamlVariables ? { ...inheritedVariables(job, variables), ...own } : {}),
      ...(pipelineVariables ? facts.run : {}),
    },
  };
}

/** As on GitLab, the job that starts nothing fails, and others go on. */
function emptyPlan(pipeline: string, { problems, workflow }: PlanResult, facts: Facts): Plan | undefined {
  const [problem] = problems;
  if (problem?.code !== "NOTHING_TO_DO") return undefined;
  return {
    pipeline,
    stages: [],
    jobs: [],
    leftOut: [{ job: pipeline, reason: problem.message, why: [] }],
    workflow,
    origin: { source: "parent_pipeline", defaultBranch: facts.predefined.CI_DEFAULT_BRANCH ?? null },
    variables: { global: {}, run: facts.run },
  };
}

function ofChild({ name }: PlannedJob, problem: PlanProblem): PlanProblem {
  return { ...problem, message: `the pipeline that "${name}" starts: ${problem.message}` };
}

function both(one: FactsWanted | null, other: FactsWanted | null): FactsWanted | null {
  if (one === null || other === null) return one ?? other;
  return {
    changed: [...new Set([...one.changed, ...other.changed])],
    files: one.files || other.files,
  };
}
