import * as v from "valibot";
import type { RunEvent, RunEventType } from "../run/records.ts";
import { COUNT, TIME } from "./scalars.ts";

const RUN_EVENT_TYPES = [
  "run.created",
  "run.started",
  "run.status",
  "run.cancel_requested",
  "run.stop_requested",
  "run.reopened",
  "run.finished",
  "job.pending",
  "job.manual",
  "job.assigned",
  "job.started",
  "job.canceling",
  "job.requeued",
  "job.finished",
] as const satisfies RunEventType[];

/** Data of an SSE message `event`. */
export const RUN_EVENT = v.object({
  id: COUNT,
  runId: v.string(),
  at: TIME,
  type: v.picklist(RUN_EVENT_TYPES),
  job: v.nullable(v.string()),
  attempt: v.nullable(COUNT),
  data: v.record(v.string(), v.unknown()),
});

/** Data of an SSE message `log`: `bytes` in base64, as stored, from `offset` of the attempt's log on. */
export const LOG_PIECE = v.object({
  job: v.string(),
  attempt: COUNT,
  offset: COUNT,
  bytes: v.string(),
});

/** Data of the SSE message `end`, the last one of what came to its end: do not connect again. */
export const END = v.object({});

/** The SSE messages of the two streams, by the name in their `event` field. */
export const STREAM_MESSAGES = { event: RUN_EVENT, log: LOG_PIECE, end: END } as const;

export type RunEventJson = v.InferOutput<typeof RUN_EVENT>;

export function toRunEventJson(event: RunEvent): RunEventJson {
  return { ...event, at: new Date(event.at).toISOString() };
}

export function fromRunEventJson(event: RunEventJson): RunEvent {
  return { ...event, at: Date.parse(event.at) };
}
