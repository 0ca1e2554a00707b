import type { PlannedJob } from "../plan/plan.ts";
import { type PhaseSpan, type RecordedPhases, TRACE_PHASES } from "../run/phases.ts";
import {
  type AttemptRecord,
  type EpochMs,
  type RunEvent,
  type RunRecord,
  TERMINAL_RUN_STATUSES,
} from "../run/records.ts";
import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";
import { criticalPath, type Try } from "./critical-path.ts";
import { readRun } from "./find-run.ts";
import { type StatusWord, toIso } from "./shapes.ts";
import type { TraceAttemptJson, TraceJson, TracePartJson, TraceSpanJson } from "./trace.ts";
import { clip, cover, fitSpans, shiftInto, type TraceSpan } from "./trace-spans.ts";

const EVENTS_PER_READ = 5_000;

/** Where the time of a run went. Throws NOT_FOUND. */
export async function traceRun(app: App, runId: string): Promise<TraceJson> {
  const store = await app.store();
  const detail = await readRun(app, runId);
  const phases = await store.readPhases(runId);
  const events: RunEvent[] = [];
  for (let more = true; more; ) {
    const read = await store.readEvents(runId, events.at(-1)?.id ?? 0, EVENTS_PER_READ);
    events.push(...read);
    more = read.length === EVENTS_PER_READ;
  }
  return traceOf({ detail, events, phases }, app.now());
}

/** What is recorded of a run and its time. */
export interface TraceSources {
  detail: RunDetail;
  /** All of them. */
  events: RunEvent[];
  phases: RecordedPhases[];
}

export function traceOf({ detail, events, phases }: TraceSources, now: EpochMs): TraceJson {
  const { run } = detail;
  const isOver = TERMINAL_RUN_STATUSES.has(run.status);
  const process = processSpans(run, phases);
  const tries = toTries(detail, events, phases, now);
  const ends = [...tries.map(({ endedAt }) => endedAt), ...process.map(({ finishedAt }) => finishedAt)];
  const from = Math.min(run.createdAt, ...process.slice(0, 1).map(({ startedAt }) => startedAt));
  const to = Math.max(from, isOver ? (run.finishedAt ?? from) : now, isOver ? maximum(ends) : 0);
  const path = criticalPath(tries);
  const critical = new Set(path.map(({ attempt }) => attempt));
  const toJson = ({ phase, startedAt, finishedAt }: TraceSpan): TraceSpanJson => ({
    phase,
    startMs: exact(startedAt - from),
    durationMs: exact(finishedAt - startedAt),
  });
  const parts: TracePartJson[] = [];
  let at = from;
  for (const { attempt, from: start } of path) {
    parts.push(...cover(process, at, start).map((span) => ({ job: null, attempt: null, ...toJson(span) })));
    const { name } = attempt.planned;
    const own = clip(attempt.spans, Math.max(at, start), attempt.endedAt);
    parts.push(...own.map((span) => ({ job: name, attempt: attempt.number, ...toJson(span) })));
    at = Math.max(at, attempt.endedAt);
  }
  parts.push(...cover(process, at, to).map((span) => ({ job: null, attempt: null, ...toJson(span) })));
  return {
    run: {
      id: run.id,
      number: run.number,
      pipeline: run.pipeline,
      status: run.status,
      executor: run.executor,
    },
    startedAt: toIso(from),
    wallMs: exact(to - from),
    isOver,
    attempts: tries.map((each) => toAttemptJson(each, critical.has(each), toJson)),
    process: process.map(toJson),
    criticalPath: parts,
    totals: totalsOf(parts),
    sumMs: exact(parts.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    notes: notesOf(run, tries, process, isOver),
  };
}

interface Traced extends Try {
  number: number;
  status: StatusWord;
  isOver: boolean;
  isMeasured: boolean;
  /** From `queuedAt` to `endedAt` without gaps. */
  spans: TraceSpan[];
  cleanUps: TraceSpan[];
}

/** In the order in which they were claimed. */
function toTries(
  { run, jobs, attempts }: RunDetail,
  events: RunEvent[],
  phases: RecordedPhases[],
  now: EpochMs,
): Traced[] {
  const queued = queueTimes(events);
  const recorded = Map.groupBy(phases, ({ jobId, attempt }) => `${jobId}#${attempt}`);
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const tries = attempts.map((attempt) => {
    const planned = run.plan.jobs[byId.get(attempt.jobId)!.index]!;
    const queuedAt = queued.get(`${planned.name}#${attempt.number}`) ?? attempt.assignedAt;
    const spans = (recorded.get(`${attempt.jobId}#${attempt.number}`) ?? []).flatMap((each) => each.spans);
    return toTraced(attempt, planned, queuedAt, spans, now);
  });
  return tries.sort((one, other) => one.assignedAt - other.assignedAt);
}

function toTraced(
  attempt: AttemptRecord,
  planned: PlannedJob,
  queuedAt: EpochMs,
  recorded: PhaseSpan[],
  now: EpochMs,
): Traced {
  const { number, worker, assignedAt, outcome } = attempt;
  const endedAt = Math.max(attempt.finishedAt ?? now, assignedAt);
  const own = recorded.filter(({ phase }) => phase !== "cleanup");
  const measured = fitSpans(own, assignedAt, endedAt);
  const unrecorded: TraceSpan[] = [{ phase: "unrecorded", startedAt: assignedAt, finishedAt: endedAt }];
  const queue: TraceSpan = { phase: "queued", startedAt: queuedAt, finishedAt: assignedAt };
  const shift =
    own.length === 0 ? 0 : shiftInto(own[0]!.startedAt, own.at(-1)!.finishedAt, assignedAt, endedAt);
  const cleanUps = recorded
    .filter(({ phase }) => phase === "cleanup")
    .map(({ phase, startedAt, finishedAt }) => ({
      phase,
      startedAt: Math.max(endedAt, startedAt + shift),
      finishedAt: finishedAt + shift,
    }));
  const isMeasured = own.length > 0;
  return {
    planned,
    number,
    worker,
    queuedAt,
    assignedAt,
    endedAt,
    status: outcome ?? "running",
    isOver: outcome !== null,
    isMeasured,
    spans: clip([queue, ...(isMeasured ? measured : unrecorded)], queuedAt, endedAt),
    cleanUps: clip(cleanUps, endedAt, Number.POSITIVE_INFINITY),
  };
}

/** When each attempt could have started, by `JOB#ATTEMPT`: the job's row knows only of the newest. */
function queueTimes(events: RunEvent[]): Map<string, EpochMs> {
  const since = new Map<string, EpochMs>();
  const queued = new Map<string, EpochMs>();
  for (const { type, at, job, attempt } of events) {
    if (job === null) continue;
    if (type === "job.pending" || type === "job.requeued") since.set(job, at);
    else if (type === "job.assigned") queued.set(`${job}#${attempt}`, since.get(job) ?? at);
  }
  return queued;
}

/** What the processes of a local run measured, by the database's clock as far as that is known: it says when the run was made. */
function processSpans({ createdAt }: RunRecord, phases: RecordedPhases[]): TraceSpan[] {
  return phases
    .filter(({ jobId }) => jobId === null)
    .flatMap(({ spans }) => {
      const making = spans.find(({ phase }) => phase === "record");
      const hasMade = making !== undefined && spans.some(({ phase }) => phase === "source");
      const shift = hasMade ? shiftInto(createdAt, createdAt, making.startedAt, making.finishedAt) : 0;
      return spans.map(({ phase, startedAt, finishedAt }) => ({
        phase,
        startedAt: startedAt - shift,
        finishedAt: finishedAt - shift,
      }));
    })
    .sort((one, other) => one.startedAt - other.startedAt);
}

function toAttemptJson(
  { planned, number, status, worker, isMeasured, spans, cleanUps }: Traced,
  isCritical: boolean,
  toJson: (span: TraceSpan) => TraceSpanJson,
): TraceAttemptJson {
  const { name: job, stage } = planned;
  const all = [...spans, ...cleanUps].map(toJson);
  return { job, stage, attempt: number, status, worker, isCritical, isMeasured, spans: all };
}

function totalsOf(parts: TracePartJson[]): TraceJson["totals"] {
  const sums = new Map<string, number>();
  for (const { phase, durationMs } of parts) sums.set(phase, (sums.get(phase) ?? 0) + durationMs);
  return TRACE_PHASES.filter((phase) => sums.has(phase)).map((phase) => ({
    phase,
    durationMs: exact(sums.get(phase)!),
  }));
}

function notesOf(run: RunRecord, tries: Traced[], process: TraceSpan[], isOver: boolean): string[] {
  const unknown = tries.filter((each) => each.isOver && !each.isMeasured).length;
  const attempts = unknown === 1 ? "1 attempt" : `${unknown} attempts`;
  const hasUnseen = run.mode === "local" && isOver && process.length === 0;
  return [
    ...(unknown > 0 ? [`of ${attempts} only the times are known: the phases were not recorded`] : []),
    ...(hasUnseen ? ["what cicd did before and after the jobs was not recorded"] : []),
    ...(isOver ? [] : ["the run goes on: what has not ended is not broken down yet"]),
  ];
}

function maximum(values: number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** To whole microseconds. */
function exact(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
