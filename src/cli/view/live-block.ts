import type { Style } from "../render/style.ts";
import { duration, padEnd, plural, printable, truncate, widthOf } from "../render/text.ts";

export interface RunningJob {
  name: string;
  stage: string;
  /** By the viewer's own monotonic clock, in ms. */
  startedAt: number;
  /** What it printed last. */
  lastLine: string;
}

export interface LiveState {
  running: RunningJob[];
  total: number;
  finished: number;
  note: string | undefined;
}

const MAX_NAME_COLUMNS = 40;

/**
 * The part of the live view that changes: a line per running job, one about the rest and one for a note, each shorter than the terminal
 * is wide, together lower than it is high.
 */
export function renderLiveBlock(
  state: LiveState,
  size: { columns: number; rows: number },
  now: number,
  style: Style,
): string[] {
  const width = Math.max(1, size.columns - 1);
  const room = Math.max(1, size.rows - (state.note === undefined ? 3 : 4));
  const shown = state.running.length > room ? state.running.slice(0, room - 1) : state.running;
  const names = shown.map((job) => truncate(printable(job.name), MAX_NAME_COLUMNS));
  const nameColumns = Math.max(0, ...names.map(widthOf));
  const lines = shown.map((job, index) => {
    const elapsed = duration(Math.max(0, now - job.startedAt)).padStart(6);
    const head = `${style.cyan("●")} ${padEnd(names[index]!, nameColumns)}  ${style.dim(printable(job.stage))}  ${elapsed}`;
    const last = Bun.stripANSI(job.lastLine).replace(/\t/g, " ");
    return truncate(last === "" ? head : `${head}  ${style.dim(printable(last))}`, width);
  });
  const hidden = state.running.length - shown.length;
  if (hidden > 0) lines.push(style.dim(truncate(`  and ${hidden} more`, width)));
  lines.push(style.dim(truncate(renderRest(state), width)));
  if (state.note !== undefined) lines.push(style.yellow(truncate(`  ${state.note}`, width)));
  return lines;
}

function renderRest(state: LiveState): string {
  const waiting = state.total - state.finished - state.running.length;
  const parts = [`${state.finished} of ${plural(state.total, "job")} done`];
  if (waiting > 0) parts.push(`${waiting} waiting`);
  return `  ${parts.join(" · ")}`;
}
