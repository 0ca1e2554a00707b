import type { ExplainedJobJson, ExplanationJson } from "../../app/explanation.ts";
import type { Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { printable } from "./text.ts";

/** The verdict of each job, and under it everything that bears on it. */
export function renderExplanation({ pipeline, run, jobs }: ExplanationJson, style: Style): string {
  const title = run === null ? `${pipeline}, as it is now` : `${pipeline} #${run.number} (${run.status})`;
  return `${style.bold(printable(title))}\n${jobs.map((job) => renderJob(job, style)).join("")}`;
}

function renderJob({ verdict, points }: ExplainedJobJson, style: Style): string {
  const rows = points.map(({ about, text }, index) => [
    style.dim(points[index - 1]?.about === about ? "" : about),
    printable(text),
  ]);
  return `${printable(verdict)}\n${renderTable(rows, "  ")}`;
}
