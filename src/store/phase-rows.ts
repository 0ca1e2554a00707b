import type { PhaseSpan, RecordedPhases } from "../run/phases.ts";

export interface PhaseRow {
  runId: string;
  jobId: string | null;
  attempt: number | null;
  spans: string;
}

export const PHASE_COLUMNS = `phases.run_id AS "runId", phases.job_id AS "jobId", phases.attempt, phases.spans`;

/** `[START, [PHASE, LENGTH], ...]`: the phases follow one another. In whole microseconds. */
export function packSpans(spans: readonly PhaseSpan[]): string {
  const start = spans[0] === undefined ? 0 : micros(spans[0].startedAt);
  return JSON.stringify([
    start,
    ...spans.map(({ phase, startedAt, finishedAt }) => [phase, micros(finishedAt) - micros(startedAt)]),
  ]);
}

export function recordedPhases({ spans, ...row }: PhaseRow): RecordedPhases {
  const [start, ...lengths] = JSON.parse(spans) as [number, ...[PhaseSpan["phase"], number][]];
  let at = start;
  return {
    ...row,
    spans: lengths.map(([phase, length]) => {
      const startedAt = at;
      at += length;
      return { phase, startedAt: startedAt / 1000, finishedAt: at / 1000 };
    }),
  };
}

function micros(at: number): number {
  return Math.round(at * 1000);
}
