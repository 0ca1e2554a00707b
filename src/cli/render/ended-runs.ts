import type { EndedRun } from "../../app/cancel-runs.ts";
import { symbolOf } from "./status.ts";
import type { Style } from "./style.ts";
import { plural, printable } from "./text.ts";

/** What became of the runs that were to be canceled or stopped, a line each. */
export function renderEndedRuns(ended: EndedRun[], verb: "cancel" | "stop", style: Style): string {
  if (ended.length === 0) return "nothing was running\n";
  return ended.map((entry) => `${renderEndedRun(entry, verb, style)}\n`).join("");
}

function renderEndedRun({ run, jobs, isOver }: EndedRun, verb: "cancel" | "stop", style: Style): string {
  const name = style.bold(`${printable(run.pipeline)} #${run.number}`);
  const names = jobs.map(printable).join(", ");
  if (isOver) {
    const word = run.status === "canceled" ? "canceled" : `over (${run.status})`;
    const note = jobs.length === 0 ? "no job was running" : `${plural(jobs.length, "job")} ended: ${names}`;
    return `${symbolOf(run.status, false, style)} ${name} is ${word}; ${note}`;
  }
  const symbol = symbolOf(run.status, false, style);
  if (verb === "cancel") return `${symbol} ${name} is being canceled, but is not over yet: ${names}`;
  const note = jobs.length === 0 ? "no job runs" : `still running: ${names}`;
  return `${symbol} ${name} starts nothing more; ${note}`;
}
