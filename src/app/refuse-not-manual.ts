import { CicdError } from "../errors/cicd-error.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { PlanResult } from "../plan/create-plan.ts";

/** Throws USAGE for a name of `--manual` that is a manual job of none of the plans. */
export function refuseNotManual(names: readonly string[], results: readonly PlanResult[]): void {
  const wrong = names.find((name) => !results.some(({ started }) => started.includes(name)));
  if (wrong === undefined) return;
  const plans = results.flatMap(({ plan }) => plan ?? []);
  const jobs = plans.flatMap((plan) => plan.jobs);
  if (jobs.some(({ name, origin }) => name === wrong || origin === wrong))
    throw new CicdError("USAGE", `"${wrong}" is not a manual job`, {
      hint: "it starts by itself: leave --manual out",
    });
  const leftOut = plans.flatMap((plan) => plan.leftOut).find(({ job }) => job === wrong);
  if (leftOut !== undefined)
    throw new CicdError("USAGE", `the job "${wrong}" is not in this run: ${leftOut.reason}`);
  const manual = jobs.filter(({ when }) => when === "manual").map(({ name }) => name);
  const there = manual.length === 0 ? "the run has no manual job" : `manual jobs: ${manual.join(", ")}`;
  throw new CicdError("USAGE", `there is no job "${wrong}"`, {
    hint: new Suggester().hint(wrong, manual) ?? there,
  });
}
