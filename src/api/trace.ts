import * as v from "valibot";
import type { TraceJson } from "../app/trace.ts";
import { TRACE_PHASES } from "../run/phases.ts";
import { COUNT, TIME } from "./scalars.ts";
import { STATUS } from "./shapes.ts";

/** The shape of `trace --json`. Milliseconds have fractions; starts count from `startedAt`. */

const SPAN = {
  phase: v.picklist(TRACE_PHASES),
  startMs: v.number(),
  durationMs: v.number(),
};

export const TRACE = v.object({
  run: v.object({
    id: v.string(),
    number: COUNT,
    pipeline: v.string(),
    status: STATUS,
    executor: v.string(),
  }),
  startedAt: TIME,
  wallMs: v.number(),
  isOver: v.boolean(),
  attempts: v.array(
    v.object({
      job: v.string(),
      stage: v.string(),
      attempt: COUNT,
      status: STATUS,
      worker: v.string(),
      isCritical: v.boolean(),
      isMeasured: v.boolean(),
      spans: v.array(v.object(SPAN)),
    }),
  ),
  process: v.array(v.object(SPAN)),
  criticalPath: v.array(v.object({ ...SPAN, job: v.nullable(v.string()), attempt: v.nullable(COUNT) })),
  totals: v.array(v.object({ phase: SPAN.phase, durationMs: v.number() })),
  sumMs: v.number(),
  notes: v.array(v.string()),
});

type Out = v.InferOutput<typeof TRACE>;

/** Does not compile where the schema and the type that is sent have parted. */
export const TRACE_AGREES: [Out] extends [TraceJson] ? ([TraceJson] extends [Out] ? true : never) : never =
  true;
