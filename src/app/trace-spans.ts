import type { PhaseSpan, TracePhase } from "../run/phases.ts";
import type { EpochMs } from "../run/records.ts";

export type TraceSpan = PhaseSpan<TracePhase>;

/** Times of rows are whole milliseconds, rounded down. */
const ROUNDING_MS = 1;

/**
 * Lays what was measured by the clock of one host between two moments of the database's clock, without gaps. Only as far as they
 * contradict each other is the measured time moved: nothing was before `from`, nor after `to`.
 */
export function fitSpans(spans: readonly PhaseSpan[], from: EpochMs, to: EpochMs): TraceSpan[] {
  const first = spans[0];
  if (first === undefined) return [];
  const last = spans.at(-1)!;
  const shift = shiftInto(first.startedAt, last.finishedAt, from, to);
  let at = from;
  return spans.flatMap(({ phase, finishedAt }, index) => {
    const end = index === spans.length - 1 ? to : Math.min(to, Math.max(at, finishedAt + shift));
    const span = { phase, startedAt: at, finishedAt: end };
    at = end;
    return span.finishedAt > span.startedAt ? [span] : [];
  });
}

/** The smallest move after which [start, end] lies in [from, to]; where it is too long, it begins with that. */
export function shiftInto(start: EpochMs, end: EpochMs, from: EpochMs, to: EpochMs): number {
  const least = from - start;
  const most = to + ROUNDING_MS - end;
  return Math.max(least, Math.min(0, most));
}

export function clip(spans: readonly TraceSpan[], from: EpochMs, to: EpochMs): TraceSpan[] {
  return spans
    .map(({ phase, startedAt, finishedAt }) => ({
      phase,
      startedAt: Math.max(startedAt, from),
      finishedAt: Math.min(finishedAt, to),
    }))
    .filter(({ startedAt, finishedAt }) => finishedAt > startedAt);
}

/** Covers [from, to] with what there is of `spans`, each moment once; the rest is `idle`. */
export function cover(spans: readonly TraceSpan[], from: EpochMs, to: EpochMs): TraceSpan[] {
  const covered: TraceSpan[] = [];
  let at = from;
  for (const span of clip(spans, from, to).sort((one, other) => one.startedAt - other.startedAt)) {
    if (span.finishedAt <= at) continue;
    if (span.startedAt > at) covered.push({ phase: "idle", startedAt: at, finishedAt: span.startedAt });
    covered.push({ ...span, startedAt: Math.max(at, span.startedAt) });
    at = span.finishedAt;
  }
  if (at < to) covered.push({ phase: "idle", startedAt: at, finishedAt: to });
  return covered;
}
