import { assertNever } from "../errors/assert-never.ts";
import { formatDuration } from "../pipeline/duration.ts";
import type { Place } from "../pipeline/pipeline.ts";
import { describeRules } from "./explain.ts";
import { manualGates } from "./manual-gates.ts";
import type { LeftOut, Plan, PlannedJob, RuleTrace } from "./plan.ts";

/** One thing that bears on whether and when a job runs. `text`: for people, without a full stop. */
export interface Point {
  about: PointKind;
  text: string;
}

export const POINT_KINDS = [
  "where",
  "workflow",
  "rules",
  "when",
  "order",
  "manual",
  "delay",
  "resource",
  "workers",
  "failure",
  "retry",
  "started",
  "attempt",
  "run",
  "next",
] as const;
export type PointKind = (typeof POINT_KINDS)[number];

/** Everything in a plan that bears on a job of it. `order`: what it comes after, where more is known than the plan says. */
export function describePlanned(
  plan: Plan,
  job: PlannedJob,
  { order = [orderOf(plan, job)] }: { order?: string[] } = {},
): Point[] {
  const gate = manualGates(plan).get(job.name);
  const gated =
    gate && `${gate.effect === "waits" ? "waits for" : "is skipped without"} ${fewOf(gate.manual)}`;
  return [
    { about: "where", text: `${at(job.at)}, stage ${job.stage}` },
    ...points("workflow", ruleLines(plan.workflow)),
    ...points("rules", ruleLines(job.why)),
    { about: "when", text: `${job.when}: ${whenOf(job)}` },
    ...points("order", order),
    ...points("manual", gated === undefined ? [] : [gated]),
    ...points("delay", delayOf(job)),
    ...points(
      "resource",
      job.resourceGroup === null ? [] : [`one at a time of the group ${job.resourceGroup}`],
    ),
    ...points(
      "workers",
      job.tags.length === 0 ? [] : [`in a queue only those with the tags ${job.tags.join(", ")}`],
    ),
    ...points("failure", allowedOf(job)),
    ...points("retry", retryOf(job)),
  ];
}

/** Why a job of the file is not in a run. */
export function describeLeftOut({ workflow }: Pick<Plan, "workflow">, { why, reason }: LeftOut): Point[] {
  return [
    ...points("workflow", ruleLines(workflow)),
    ...(why.length === 0 ? points("rules", [reason]) : points("rules", ruleLines(why))),
  ];
}

/** In one clause: `none of its rules holds`. */
export function whyLeftOut({ why, reason }: LeftOut): string {
  const last = why.at(-1);
  if (last === undefined) return reason;
  return last.matched ? `its rule ${why.length} says never` : "none of its rules holds";
}

/** `rule 2 (.gitlab-ci.yml:31) if $CI_COMMIT_TAG (CI_COMMIT_TAG is not set) -> does not hold` */
export function ruleLines(why: readonly RuleTrace[]): string[] {
  return why.map((trace, index) => {
    const result = trace.matched ? trace.result : "does not hold";
    return `rule ${index + 1} (${at(trace.at)}) ${describeRules([trace])} -> ${result}`;
  });
}

export function points(about: PointKind, texts: readonly string[]): Point[] {
  return texts.map((text) => ({ about, text }));
}

export function at({ file, line }: Place): string {
  return `${file}:${line}`;
}

const MAX_NAMED = 12;

export function fewOf(names: readonly string[]): string {
  const rest = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function whenOf({ when, needs }: PlannedJob): string {
  const before = needs === null ? "everything before it" : "all that it needs";
  switch (when) {
    case "on_success":
      return `once ${before} has succeeded`;
    case "on_failure":
      return `once ${before} is over and something of it has failed`;
    case "always":
      return `once ${before} is over, however it ended`;
    case "manual":
      return `once ${before} has succeeded and somebody starts it`;
    case "delayed":
      return `once ${before} has succeeded and its delay is over`;
    default:
      return assertNever(when);
  }
}

function orderOf({ stages }: Plan, { needs, stageIndex }: PlannedJob): string {
  if (needs === null && stageIndex === 0) return "its stage is the first: it starts at once";
  if (needs === null) return `after all jobs of the earlier stages: ${fewOf(stages.slice(0, stageIndex))}`;
  return needs.length === 0 ? "it needs nothing: it starts at once" : `needs ${fewOf(needs)}`;
}

function delayOf({ when, startInMs }: PlannedJob): string[] {
  return when === "delayed" && startInMs !== null
    ? [`${formatDuration(startInMs)} from the moment its turn comes`]
    : [];
}

function allowedOf({ allowFailure, when }: PlannedJob): string[] {
  if (allowFailure === false)
    return when === "manual" ? ["the run waits for it and cannot pass without it"] : [];
  if (allowFailure === true)
    return when === "manual" ? ["the run does not wait for it, and may pass without it"] : ["it may fail"];
  return [`it may fail with exit code ${allowFailure.exitCodes.join(", ")}`];
}

function retryOf({ retry: { max, when, exitCodes } }: PlannedJob): string[] {
  if (max === 0) return [];
  const cases = [...when, ...(exitCodes.length === 0 ? [] : [`exit code ${exitCodes.join(", ")}`])];
  return [`up to ${max} more after ${cases.length === 0 ? "any failure" : cases.join(" or ")}`];
}
