import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { AllowFailure, Need, Pipeline, Variables, When } from "../pipeline/pipeline.ts";
import { describeRules } from "./explain.ts";
import { type KnownVariables, knownOf, SET } from "./known-variables.ts";
import { type Instance, instancesOf } from "./matrix.ts";
import type { LeftOut, RuleTrace } from "./plan.ts";
import type { PlanNote } from "./plan-note.ts";
import { firstMatch } from "./rules.ts";

/** A job that the rules let into the run, with what its rule says instead of it. */
export interface Candidate extends Instance {
  when: When;
  startInMs: number | undefined;
  allowFailure: AllowFailure;
  /** With those of its matrix and rule. */
  variables: Variables;
  needs: Need[] | undefined;
  /** Its needs are the rule's. */
  needsOfRule: boolean;
  interruptible: boolean;
  why: RuleTrace[];
}

/** What rules of jobs are decided by. `variables`: of the pipeline, with those of the workflow's rule. */
export interface RunContext {
  facts: Facts;
  variables: Variables;
  wanted: FactsWanted;
  notes: PlanNote[];
}

/** The jobs of a run in the order of the file, multiplied, and those that their rules leave out. */
export function findCandidates(
  pipeline: Pipeline,
  context: RunContext,
): { candidates: Candidate[]; leftOut: LeftOut[] } {
  const candidates: Candidate[] = [];
  const leftOut: LeftOut[] = [];
  for (const job of pipeline.jobs) {
    for (const instance of instancesOf(job)) {
      const decided = decide(instance, context);
      if ("reason" in decided) leftOut.push(decided);
      else candidates.push(decided);
    }
  }
  return { candidates, leftOut };
}

function decide(instance: Instance, context: RunContext): Candidate | LeftOut {
  const { job, name, values } = instance;
  const { predefined, run } = context.facts;
  const source = run.CI_PIPELINE_SOURCE ?? predefined.CI_PIPELINE_SOURCE;
  if (job.implicitNoMergeRequest && source === "merge_request_event") {
    return { job: name, reason: "jobs without rules are in runs of branches and tags only", why: [] };
  }
  const own: Candidate = {
    ...instance,
    when: job.when,
    startInMs: job.startInMs,
    allowFailure: job.allowFailure ?? job.when === "manual",
    variables: instance.node === null ? job.variables : { ...job.variables, ...values },
    needs: job.needs,
    needsOfRule: false,
    interruptible: job.interruptible,
    why: [],
  };
  return job.rules === undefined ? own : decideByRules(own, context);
}

function decideByRules(own: Candidate, context: RunContext): Candidate | LeftOut {
  const { job, name } = own;
  const variables = knownVariables(own, context);
  const { facts, wanted, notes } = context;
  const { rule, why } = firstMatch(job.rules!, {
    facts,
    wanted,
    notes,
    variables,
    when: job.when,
    job: name,
  });
  if (rule === undefined) {
    const reason = why.length === 0 ? "it has no rules" : `none of its rules holds: ${describeRules(why)}`;
    return { job: name, reason, why };
  }
  const when = rule.when ?? own.when;
  if (when === "never")
    return { job: name, reason: `rule ${why.length} says never: ${describeRules(why.slice(-1))}`, why };
  return {
    ...own,
    when,
    startInMs: rule.startInMs ?? own.startInMs,
    allowFailure: rule.allowFailure ?? own.allowFailure,
    variables: { ...own.variables, ...rule.variables },
    needs: rule.needs ?? own.needs,
    needsOfRule: rule.needs !== undefined,
    interruptible: rule.interruptible ?? own.interruptible,
    why,
  };
}

/** What is known before the job runs; ids and secrets are not. */
export function knownVariables(
  candidate: Candidate,
  { facts, variables }: Pick<RunContext, "facts" | "variables">,
): KnownVariables {
  const { job, name, node } = candidate;
  const fixed: Record<string, string> = {
    ...facts.predefined,
    CI_JOB_NAME: name,
    CI_JOB_STAGE: job.stage,
    CI_NODE_TOTAL: String(node?.total ?? 1),
    ...(node === null ? {} : { CI_NODE_INDEX: String(node.index) }),
  };
  return knownOf(candidate, variables, facts, { fixed, ofSecret: SET, unknown: "empty" });
}
