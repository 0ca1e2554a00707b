import type { Pipeline, Variables } from "../pipeline/pipeline.ts";
import type { PlanProblem } from "./select-jobs.ts";

/** Variables of the run that are none of the options that the pipeline gives. */
export function optionProblems({ variableOptions = {} }: Pipeline, run: Variables): PlanProblem[] {
  return Object.entries(variableOptions).flatMap(([name, options]): PlanProblem[] => {
    const given = run[name];
    const value = typeof given === "object" ? given.value : given;
    if (value === undefined || options.includes(value)) return [];
    const message = `the variable ${name} cannot be ${JSON.stringify(value.slice(0, 80))}`;
    return [{ code: "USAGE", message, hint: `its options are ${options.join(", ").slice(0, 200)}` }];
  });
}
