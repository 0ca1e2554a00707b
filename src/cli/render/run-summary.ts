import type { JobJson, RunJson } from "../../app/shapes.ts";
import { failingTestsOf, renderFailingTests } from "./failing-tests.ts";
import { noteOf } from "./job-line.ts";
import { outlookOf, symbolOf } from "./status.ts";
import type { Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { duration, printable } from "./text.ts";

/** One row per job under a line about the run. `messages`: what was said about a job's newest attempt. */
export function renderRunSummary(run: RunJson, messages: Map<string, string>, style: Style): string {
  const rows = run.stages.flatMap((stage) =>
    stage.jobs.map((job, index) => [
      index === 0 ? style.dim(printable(stage.name)) : "",
      `${symbolOf(job.status, isAllowed(job), style)} ${printable(job.name)}`,
      job.durationMs === null ? "" : duration(job.durationMs),
      style.dim(noteOf({ ...job, allowed: isAllowed(job), message: messages.get(job.name) ?? null })),
    ]),
  );
  const failing = failingTestsOf(run.stages.flatMap((stage) => stage.jobs));
  return `${renderFailingTests(failing, run.number, style)}${renderTable(rows, "  ")}${renderRunLine(run, style)}\n`;
}

/** `✗ web #12 failed in 1m 12s` */
export function renderRunLine(run: Omit<RunJson, "stages">, style: Style): string {
  const took = run.durationMs === null ? "" : ` in ${duration(run.durationMs)}`;
  const note = run.status === "success" && run.warnings ? " with warnings" : "";
  const symbol = symbolOf(run.status, run.warnings && run.status === "success", style);
  const text = `${printable(run.pipeline)} #${run.number} ${wordOf(run.status)}${note}${took}`;
  return `${symbol} ${style.bold(text)}`;
}

/** The failed jobs of a run, those whose failure counts. */
export function failedJobs(run: RunJson): JobJson[] {
  const jobs = run.stages.flatMap((stage) => stage.jobs);
  return jobs.filter((job) => outlookOf(job.status, isAllowed(job)) === "bad");
}

/** `── unit: the last 2 lines ──` and the lines under it. */
export function renderLastLines(job: string, lines: string[], style: Style): string {
  if (lines.length === 0) return "";
  const title = `── ${printable(job)}: the last ${lines.length === 1 ? "line" : `${lines.length} lines`} ──`;
  return `${style.red(title)}\n${lines.map((line) => `${line}\n`).join("")}\n`;
}

/** `✗ unit: exit code 7`, for where no summary says why. */
export function renderCause(job: JobJson, message: string | undefined, style: Style): string {
  const cause = noteOf({ ...job, allowed: isAllowed(job), message: message ?? null });
  return `${symbolOf(job.status, isAllowed(job), style)} ${printable(job.name)}: ${cause}\n`;
}

export function isAllowed(job: Pick<JobJson, "allowFailure" | "status">): boolean {
  return job.allowFailure && (job.status === "failed" || job.status === "canceled");
}

function wordOf(status: string): string {
  switch (status) {
    case "success":
      return "succeeded";
    case "canceled":
      return "was canceled";
    case "skipped":
      return "had nothing to do";
    case "manual":
      return "waits for a manual job";
    default:
      return status;
  }
}
