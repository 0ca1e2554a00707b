import type { DryRunJob, DryRunJson } from "../../app/dry-run.ts";
import { assertNever } from "../../errors/assert-never.ts";
import type { When } from "../../pipeline/pipeline.ts";
import type { Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { plural, printable } from "./text.ts";

/** What a run would do: the jobs by stage with image and needs, what is left out and why, the order of starting. */
export function renderPlan(plan: DryRunJson, style: Style, options: { isVerbose: boolean }): string {
  const count = plan.stages.reduce((sum, { jobs }) => sum + jobs.length, 0);
  const title = `${printable(plan.pipeline)}: ${plural(count, "job")} in ${plural(plan.stages.length, "stage")}`;
  const stages = plan.stages.map(
    ({ name, jobs }) => `\n${style.bold(printable(name))}\n${renderJobs(jobs, style, options.isVerbose)}`,
  );
  return `${style.bold(title)}\n${stages.join("")}${renderLeftOut(plan, style)}${renderOrder(plan, style)}\n`;
}

function renderJobs(jobs: DryRunJob[], style: Style, isVerbose: boolean): string {
  const rows = jobs.map((job) => [
    printable(job.name),
    style.cyan(job.image === null ? "(no container)" : printable(job.image)),
    style.dim([needsOf(job), whenOf(job.when), allowedOf(job)].filter((part) => part !== "").join(", ")),
  ]);
  const table = renderTable(rows, "  ");
  if (!isVerbose) return table;
  const lines = table.trimEnd().split("\n");
  return jobs.map((job, index) => `${lines[index]}\n${renderScript(job, style)}`).join("");
}

function renderScript(job: DryRunJob, style: Style): string {
  return job.script
    .flatMap((command) => command.trimEnd().split("\n"))
    .map((line) => `      ${style.dim("$")} ${printable(line)}\n`)
    .join("");
}

function needsOf(job: DryRunJob): string {
  if (!job.byNeeds) return "";
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
    case "delayed":
      return when;
    default:
      return assertNever(when);
  }
}

function allowedOf({ allowFailure }: DryRunJob): string {
  if (typeof allowFailure === "boolean") return allowFailure ? "may fail" : "";
  return `may fail with exit code ${allowFailure.exitCodes.join(", ")}`;
}

function renderLeftOut(plan: DryRunJson, style: Style): string {
  if (plan.leftOut.length === 0) return "";
  const rows = plan.leftOut.map(({ job, reason }) => [
    style.dim(printable(job)),
    style.dim(printable(reason)),
  ]);
  return `\n${style.bold("Left out")}\n${renderTable(rows, "  ")}`;
}

const GATES = { waits: "waits for", skipped: "skipped without" } as const;

function renderOrder(plan: DryRunJson, style: Style): string {
  const jobs = new Map(plan.stages.flatMap((stage) => stage.jobs.map((job) => [job.name, job])));
  const show = (name: string) => {
    const { when, gate } = jobs.get(name) ?? { when: "on_success", gate: null };
    const notes = [
      ...(when === "manual" ? ["manual"] : []),
      ...(gate === null ? [] : [`${GATES[gate.effect]} ${gate.manual.map(printable).join(", ")}`]),
    ];
    return `${printable(name)}${notes.length === 0 ? "" : style.dim(` (${notes.join(", ")})`)}`;
  };
  const steps = plan.order.map((names, index) => [style.dim(`${index + 1}.`), names.map(show).join(", ")]);
  return `\n${style.bold("Order of starting")}\n${renderTable(steps, "  ")}`;
}
