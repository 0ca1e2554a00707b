import { assertNever } from "../../errors/assert-never.ts";
import type { When } from "../../pipeline/pipeline.ts";
import { manualGates } from "../../plan/manual-gates.ts";
import { startOrder } from "../../plan/order.ts";
import type { Plan, PlannedJob } from "../../plan/plan.ts";
import type { Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { plural, printable } from "./text.ts";

/** What a run would do: the jobs by stage with image and needs, what is left out and why, the order of starting. */
export function renderPlan(plan: Plan, style: Style, options: { isVerbose: boolean }): string {
  const title = `${printable(plan.pipeline)}: ${plural(plan.jobs.length, "job")} in ${plural(plan.stages.length, "stage")}`;
  const stages = plan.stages.map((stage, index) => {
    const jobs = plan.jobs.filter((job) => job.stageIndex === index);
    return `\n${style.bold(printable(stage))}\n${renderJobs(jobs, style, options.isVerbose)}`;
  });
  return `${style.bold(title)}\n${stages.join("")}${renderLeftOut(plan, style)}${renderOrder(plan, style)}\n`;
}

function renderJobs(jobs: PlannedJob[], style: Style, isVerbose: boolean): string {
  const rows = jobs.map((job) => [
    printable(job.name),
    style.cyan(job.image === null ? "(no container)" : printable(job.image.name)),
    style.dim([needsOf(job), whenOf(job.when), allowedOf(job)].filter((part) => part !== "").join(", ")),
  ]);
  const table = renderTable(rows, "  ");
  if (!isVerbose) return table;
  const lines = table.trimEnd().split("\n");
  return jobs.map((job, index) => `${lines[index]}\n${renderScript(job, style)}`).join("");
}

function renderScript(job: PlannedJob, style: Style): string {
  return [...job.beforeScript, ...job.script]
    .flatMap((command) => command.trimEnd().split("\n"))
    .map((line) => `      ${style.dim("$")} ${printable(line)}\n`)
    .join("");
}

function needsOf(job: PlannedJob): string {
  if (job.needs === null) return "";
  return job.needs.length === 0 ? "starts at once" : `needs ${job.needs.map(printable).join(", ")}`;
}

function whenOf(when: When): string {
  switch (when) {
    case "on_success":
      return "";
    case "on_failure":
      return "only after a failure";
    case "always":
      return "always";
    case "manual":
      return "manual";
    default:
      return assertNever(when);
  }
}

function allowedOf({ allowFailure }: PlannedJob): string {
  if (typeof allowFailure === "boolean") return allowFailure ? "may fail" : "";
  return `may fail with exit code ${allowFailure.exitCodes.join(", ")}`;
}

function renderLeftOut(plan: Plan, style: Style): string {
  if (plan.leftOut.length === 0) return "";
  const rows = plan.leftOut.map(({ job, reason }) => [
    style.dim(printable(job)),
    style.dim(printable(reason)),
  ]);
  return `\n${style.bold("Left out")}\n${renderTable(rows, "  ")}`;
}

const GATES = { waits: "waits for", skipped: "skipped without" } as const;

function renderOrder(plan: Plan, style: Style): string {
  const gates = manualGates(plan);
  const manual = new Set(plan.jobs.filter(({ when }) => when === "manual").map(({ name }) => name));
  const show = (name: string) => {
    const gate = gates.get(name);
    const notes = [
      ...(manual.has(name) ? ["manual"] : []),
      ...(gate === undefined ? [] : [`${GATES[gate.effect]} ${gate.manual.map(printable).join(", ")}`]),
    ];
    return `${printable(name)}${notes.length === 0 ? "" : style.dim(` (${notes.join(", ")})`)}`;
  };
  const steps = startOrder(plan).map((names, index) => [
    style.dim(`${index + 1}.`),
    names.map(show).join(", "),
  ]);
  return `\n${style.bold("Order of starting")}\n${renderTable(steps, "  ")}`;
}
