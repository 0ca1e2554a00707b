import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { Pipeline, Variables } from "../pipeline/pipeline.ts";
import { expandVariables } from "./expand.ts";
import { SET, withProjectAndRun } from "./known-variables.ts";
import type { RuleTrace } from "./plan.ts";
import type { PlanNote } from "./plan-note.ts";
import { firstMatch } from "./rules.ts";

/** `variables`: the pipeline's, with those of the rule that holds. `runs` false: the rules make no run. */
export interface WorkflowDecision {
  runs: boolean;
  variables: Variables;
  why: RuleTrace[];
}

/** What `workflow:rules` say of the run. */
export function decideWorkflow(
  { workflow, variables }: Pipeline,
  { facts, wanted, notes }: { facts: Facts; wanted: FactsWanted; notes: PlanNote[] },
): WorkflowDecision {
  if (workflow.rules === undefined) return { runs: true, variables, why: [] };
  const fixed = facts.predefined;
  const seen = { ...fixed, ...expandVariables(withProjectAndRun(variables, facts, SET), fixed) };
  const context = {
    facts,
    wanted,
    notes,
    variables: new Map(Object.entries(seen)),
    when: "always",
    job: null,
  };
  const { rule, why, unknown } = firstMatch(workflow.rules, context);
  if (rule === undefined || rule.when === "never") return { runs: unknown, variables, why };
  return { runs: true, variables: { ...variables, ...rule.variables }, why };
}
