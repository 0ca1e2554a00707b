import type { TraceJson, TraceSpanJson } from "../../app/trace.ts";

/**
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: of the Trace Event Format `X` (a complete slice)
 * and `M` (a name). `ts` and `dur` are whole microseconds.
 */
export interface ChromeEvent {
  ph: "X" | "M";
  name: string;
  cat: string;
  ts: number;
  dur: number;
  pid: number;
  tid: number;
  args: Record<string, string | number | boolean>;
}

const PID = 1;
const CRITICAL_PATH = 1;
const PROCESS = 2;
const FIRST_ATTEMPT = 3;

/** A row for the critical path, one for cicd itself, and one for each attempt: a slice for it, and within it its phases. */
export function toChromeTrace(trace: TraceJson): { displayTimeUnit: "ms"; traceEvents: ChromeEvent[] } {
  const { run, criticalPath, process, attempts } = trace;
  const path = criticalPath.map((part) =>
    slice(CRITICAL_PATH, part.job === null ? part.phase : `${part.job}: ${part.phase}`, "critical", part),
  );
  const rows = attempts.flatMap(({ spans, ...attempt }, index) => {
    const tid = FIRST_ATTEMPT + index;
    const title = attempt.attempt === 1 ? attempt.job : `${attempt.job} (attempt ${attempt.attempt})`;
    const first = spans[0];
    if (first === undefined) return [named("thread_name", title, tid)];
    const end = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs));
    const whole = { startMs: first.startMs, durationMs: end - first.startMs };
    return [
      named("thread_name", title, tid),
      slice(tid, title, "job", whole, attempt),
      ...spans.map((span) => slice(tid, span.phase, "phase", span)),
    ];
  });
  return {
    displayTimeUnit: "ms",
    traceEvents: [
      named("process_name", `${run.pipeline} #${run.number}`, 0),
      named("thread_name", "critical path", CRITICAL_PATH),
      ...path,
      named("thread_name", "cicd", PROCESS),
      ...process.map((span) => slice(PROCESS, span.phase, "process", span)),
      ...rows,
    ],
  };
}

function slice(
  tid: number,
  name: string,
  cat: string,
  { startMs, durationMs }: Pick<TraceSpanJson, "startMs" | "durationMs">,
  args: ChromeEvent["args"] = {},
): ChromeEvent {
  const ts = Math.round(startMs * 1000);
  return { ph: "X", name, cat, ts, dur: Math.round((startMs + durationMs) * 1000) - ts, pid: PID, tid, args };
}

function named(name: string, value: string, tid: number): ChromeEvent {
  return { ph: "M", name, cat: "__metadata", ts: 0, dur: 0, pid: PID, tid, args: { name: value } };
}
