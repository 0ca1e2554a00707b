import { type Candidate, knownVariables, type RunContext } from "./candidates.ts";
import { expandReferences } from "./expand.ts";
import type { KnownVariables } from "./known-variables.ts";
import type { PlannedJob } from "./plan.ts";
import type { PlanProblem } from "./select-jobs.ts";

/** The group of a job with its variables put in; all of them must be known before the run. */
export function plannedGroup(
  candidate: Candidate,
  context: Pick<RunContext, "facts" | "variables">,
  problems: PlanProblem[],
): string | null {
  const { job, name } = candidate;
  if (job.resourceGroup === undefined) return null;
  if (!job.resourceGroup.includes("$")) return job.resourceGroup;
  const known = knownVariables(candidate, context);
  const group = expandReferences(job.resourceGroup, (reference) => {
    const isSecret =
      context.facts.secrets.includes(reference) && !Object.hasOwn(context.facts.run, reference);
    const value = isSecret
      ? undefined
      : (known.get(reference) ?? environmentName(candidate, reference, known));
    if (value === undefined) problems.push(unknownVariable(name, reference));
    return value;
  });
  if (group.trim() === "") problems.push(nameless(name));
  return group;
}

function environmentName({ job }: Candidate, reference: string, known: KnownVariables): string | undefined {
  if (reference !== "CI_ENVIRONMENT_NAME" || job.environment === undefined) return undefined;
  const name = expandReferences(job.environment.name, (inner) => known.get(inner));
  return name.includes("$") ? undefined : name;
}

/** A job that starts another pipeline and waits for it keeps its group meanwhile: no job there with the same group could start. */
export function groupThatWaitsForItself({ name, resourceGroup, trigger }: PlannedJob): PlanProblem[] {
  if (resourceGroup === null || trigger?.depend !== true) return [];
  const inner = jobsWaitedFor(trigger.plan.jobs).find((each) => each.resourceGroup === resourceGroup);
  if (inner === undefined) return [];
  const message = `"${name}" keeps the resource group "${resourceGroup}" while it waits for "${inner.name}", which needs it`;
  return [{ code: "CONFIG_INVALID", message, hint: "give the group to the jobs of one pipeline alone" }];
}

function jobsWaitedFor(jobs: readonly PlannedJob[]): PlannedJob[] {
  return jobs.flatMap((job) =>
    job.trigger?.depend === true ? [job, ...jobsWaitedFor(job.trigger.plan.jobs)] : [job],
  );
}

function unknownVariable(job: string, reference: string): PlanProblem {
  return {
    code: "CONFIG_INVALID",
    message: `the resource group of "${job}" refers to $${reference}, which is not known before the run`,
    hint: "use variables of the file, of the run (--var), or predefined ones of its commit",
  };
}

function nameless(job: string): PlanProblem {
  return { code: "CONFIG_INVALID", message: `the resource group of "${job}" is empty in this run` };
}
