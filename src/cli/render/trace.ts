import type { TraceAttemptJson, TraceJson } from "../../app/trace.ts";
import { TRACE_PHASES, type TracePhase } from "../../run/phases.ts";
import { symbolOf } from "./status.ts";
import type { Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { duration, padEnd, plural, printable, truncate, widthOf } from "./text.ts";

/** What stands for a phase in a bar. */
const LETTERS: Record<TracePhase, string> = {
  startup: "u",
  source: "g",
  snapshot: "n",
  sweep: "e",
  queued: "·",
  pull: "p",
  workspace: "w",
  services: "v",
  start: "s",
  script: "█",
  artifacts: "a",
  record: "r",
  unrecorded: "▒",
  idle: " ",
  cleanup: "c",
  closing: "x",
};

const LONGEST_NAME = 32;
const SHORTEST_BAR = 20;

/** A bar per attempt as wide as there is room, the phases as a table, and what the critical path is made of. */
export function renderTrace(trace: TraceJson, columns: number, style: Style): string {
  const { run, attempts, wallMs, sumMs, totals, notes } = trace;
  const title = `${printable(run.pipeline)} #${run.number} ${run.status}, ${duration(wallMs)}`;
  const parts = totals.map(({ phase, durationMs }) => `${phase} ${duration(durationMs)}`);
  return [
    `${symbolOf(run.status, false, style)} ${style.bold(title)}\n`,
    ...(attempts.length === 0
      ? []
      : ["\n", renderBars(trace, columns, style), "\n", renderPhases(trace, style)]),
    `\ncritical path (*): ${pathOf(trace)}\n`,
    `${duration(sumMs)} = ${parts.join(" + ")}\n`,
    ...notes.map((note) => style.dim(`${note}\n`)),
  ].join("");
}

function renderBars(trace: TraceJson, columns: number, style: Style): string {
  const { attempts, wallMs } = trace;
  const names = attempts.map((attempt) => nameOf(attempt, style));
  const width = Math.max(4, ...names.map(widthOf));
  const room = columns - width - 2;
  if (room < SHORTEST_BAR) return "";
  const lines = attempts.map(({ spans, isCritical }, index) => {
    const bar = barOf(spans, wallMs, room);
    return `${padEnd(names[index]!, width)}  ${isCritical ? style.cyan(bar) : bar}`;
  });
  const own = barOf(trace.process, wallMs, room);
  const used = new Set(
    [...attempts.flatMap(({ spans }) => spans), ...trace.process].map(({ phase }) => phase),
  );
  const legend = TRACE_PHASES.filter((phase) => used.has(phase)).map((phase) => `${LETTERS[phase]} ${phase}`);
  return [
    ...(trace.process.length === 0 ? [] : [`${padEnd("  cicd", width)}  ${style.dim(own)}`]),
    ...lines,
    ...wrap(legend, columns).map((line) => style.dim(line)),
  ]
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** Each column shows what was going on at its middle; later phases cover earlier ones. */
function barOf(spans: TraceJson["process"], wallMs: number, width: number): string {
  const cells = Array.from({ length: width }, () => " ");
  const at = (ms: number) => Math.min(width, Math.max(0, Math.round((ms / Math.max(wallMs, 0.001)) * width)));
  for (const { phase, startMs, durationMs } of spans)
    cells.fill(LETTERS[phase], at(startMs), at(startMs + durationMs));
  return cells.join("");
}

/** Phases that none of the attempts has are left out. */
function renderPhases({ attempts }: TraceJson, style: Style): string {
  const sums = attempts.map(sumsOf);
  const used = TRACE_PHASES.filter((phase) => sums.some((sum) => sum.has(phase)));
  const rows = attempts.map((attempt, index) => [
    nameOf(attempt, style),
    ...used.map((phase) => {
      const ms = sums[index]!.get(phase);
      return ms === undefined ? "" : duration(ms);
    }),
  ]);
  return renderTable([["  job", ...used].map((text) => style.dim(text)), ...rows]);
}

function sumsOf({ spans }: TraceAttemptJson): Map<TracePhase, number> {
  const sums = new Map<TracePhase, number>();
  for (const { phase, durationMs } of spans) sums.set(phase, (sums.get(phase) ?? 0) + durationMs);
  return sums;
}

function pathOf({ criticalPath }: TraceJson): string {
  const steps: string[] = [];
  for (const { job, attempt } of criticalPath) {
    if (job === null) continue;
    const name = attempt === 1 ? printable(job) : `${printable(job)} (attempt ${attempt})`;
    if (steps.at(-1) !== name) steps.push(name);
  }
  if (steps.length <= 12) return steps.join(" → ") || "no job has run";
  return `${steps.slice(0, 5).join(" → ")} → ${plural(steps.length - 10, "more job")} → ${steps.slice(-5).join(" → ")}`;
}

function nameOf({ job, attempt, isCritical }: TraceAttemptJson, style: Style): string {
  const name = truncate(attempt === 1 ? printable(job) : `${printable(job)} #${attempt}`, LONGEST_NAME);
  return isCritical ? style.bold(`* ${name}`) : `  ${name}`;
}

function wrap(words: string[], columns: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 2 + widthOf(word) <= columns)
      lines[lines.length - 1] = `${last}  ${word}`;
    else lines.push(word);
  }
  return lines;
}
