import { assertNever } from "../errors/assert-never.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { formatDuration } from "../pipeline/duration.ts";
import type { Job } from "../pipeline/pipeline.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { PlanResult } from "../plan/create-plan.ts";
import {
  describeLeftOut,
  describePlanned,
  fewOf,
  points,
  ruleLines,
  whyLeftOut,
} from "../plan/describe-job.ts";
import { type ManualGate, manualGates } from "../plan/manual-gates.ts";
import { instancesOf } from "../plan/matrix.ts";
import type { LeftOut, Plan, PlannedJob } from "../plan/plan.ts";
import type { ExplainedJobJson, ExplanationJson } from "./explanation.ts";
import { type FactsAtHand, planWithFacts } from "./gather-facts.ts";
import type { LoadedFile } from "./run-request.ts";

/** What to explain. `job`: of the file, or one of what `parallel` makes of it. */
export interface ExplainChoice {
  job: string;
  variables: Record<string, string>;
}

/**
 * Of each pipeline that has the job: why it would run or not, were the pipeline run now. Throws NOT_FOUND where none has it, and
 * what fetching facts throws.
 */
export async function explainPlans(
  files: readonly LoadedFile[],
  { job, variables }: ExplainChoice,
  facts: FactsAtHand,
): Promise<ExplanationJson[]> {
  const pipelines = files.flatMap(({ pipeline }) => pipeline ?? []);
  const found: ExplanationJson[] = [];
  for (const pipeline of pipelines) {
    const meant = pipeline.jobs.flatMap((one) => namesMeant(one, job));
    if (meant.length === 0) continue;
    const result = await planWithFacts(pipeline, { variables }, facts);
    found.push({
      pipeline: pipeline.name,
      run: null,
      jobs: meant.map((name) => explainResult(result, name)),
    });
  }
  if (found.length > 0) return found;
  const [only, more] = pipelines;
  const where =
    only === undefined || more !== undefined ? "no pipeline has a" : `the pipeline "${only.name}" has no`;
  const names = new Set(pipelines.flatMap(({ jobs }) => jobs.map(({ name }) => name)));
  throw noSuchJob(`${where} job ${JSON.stringify(job)}`, job, [...names]);
}

export function noSuchJob(message: string, job: string, names: readonly string[]): CicdError {
  return new CicdError("NOT_FOUND", message, {
    hint: new Suggester().hint(job, names) ?? `there are: ${fewOf(names)}`,
  });
}

/** What `name` stands for of a job of the file: all that `parallel` makes of it, one of these, or nothing. */
function namesMeant(job: Job, name: string): string[] {
  const instances = instancesOf(job).map((instance) => instance.name);
  return job.name === name ? instances : instances.filter((one) => one === name);
}

function explainResult({ plan, problems, leftOut, workflow }: PlanResult, name: string): ExplainedJobJson {
  const planned = plan?.jobs.find((job) => job.name === name);
  if (plan !== undefined && planned !== undefined) return explainPlanned(plan, planned);
  const gone = (plan?.leftOut ?? leftOut).find((entry) => entry.job === name);
  if (plan !== undefined && gone !== undefined) return explainLeftOut(plan, gone, "would be left out");
  const reason = problems.map(({ message }) => message).join("; ");
  return {
    job: name,
    state: "no_run",
    verdict: `${JSON.stringify(name)} would not run, for there would be no run: ${reason}`,
    rules: gone?.why ?? [],
    points:
      gone === undefined ? points("workflow", ruleLines(workflow)) : describeLeftOut({ workflow }, gone),
  };
}

export function explainLeftOut(plan: Pick<Plan, "workflow">, entry: LeftOut, what: string): ExplainedJobJson {
  const { job, why } = entry;
  return {
    job,
    state: "left_out",
    verdict: `${JSON.stringify(job)} ${what}: ${whyLeftOut(entry)}`,
    rules: why,
    points: describeLeftOut(plan, entry),
  };
}

function explainPlanned(plan: Plan, job: PlannedJob): ExplainedJobJson {
  const gate = manualGates(plan).get(job.name);
  return {
    job: job.name,
    state: "planned",
    verdict: `${JSON.stringify(job.name)} would ${whatWouldBe(job, gate)}`,
    rules: job.why,
    points: describePlanned(plan, job),
  };
}

function whatWouldBe({ when, startInMs }: PlannedJob, gate: ManualGate | undefined): string {
  if (gate !== undefined) {
    const manual = gate.manual.map((name) => JSON.stringify(name));
    return gate.effect === "waits"
      ? `wait until somebody has started ${fewOf(manual)}`
      : `be skipped, unless somebody starts ${fewOf(manual)}`;
  }
  switch (when) {
    case "on_success":
      return "run";
    case "on_failure":
      return "run only after a failure";
    case "always":
      return "run, whatever becomes of the jobs before it";
    case "manual":
      return "wait until somebody starts it";
    case "delayed":
      return `run ${formatDuration(startInMs ?? 0)} after its turn has come`;
    default:
      return assertNever(when);
  }
}
