import type { TracePhase } from "../run/phases.ts";
import type { StatusWord } from "./shapes.ts";

/** Milliseconds with fractions; the start counts from that of the trace. */
export interface TraceSpanJson {
  phase: TracePhase;
  startMs: number;
  durationMs: number;
}

/** A stretch of the critical path. Without a job: of the run itself. */
export interface TracePartJson extends TraceSpanJson {
  job: string | null;
  attempt: number | null;
}

export interface TraceAttemptJson {
  job: string;
  stage: string;
  attempt: number;
  status: StatusWord;
  worker: string;
  /** It is on the critical path: had it been faster, so had the run. */
  isCritical: boolean;
  /** Its phases are known, and not only its times. */
  isMeasured: boolean;
  /** One after the other from `queued` on; a `cleanup` may come later. */
  spans: TraceSpanJson[];
}

/** Where the time of a run went. */
export interface TraceJson {
  run: { id: string; number: number; pipeline: string; status: StatusWord; executor: string };
  /** ISO 8601 UTC: of a local run the start of its process, else its creation. */
  startedAt: string;
  /** Up to its end, of a local run to that of its process; up to now while it goes on. */
  wallMs: number;
  isOver: boolean;
  /** In the order in which they were claimed; every retry is one of its own. */
  attempts: TraceAttemptJson[];
  /** What local processes did for the run besides its jobs, at the same time. */
  process: TraceSpanJson[];
  /** Covers the whole time, without gaps: whatever made the run as long as it was. */
  criticalPath: TracePartJson[];
  /** The critical path by phase. */
  totals: { phase: TracePhase; durationMs: number }[];
  /** Of the critical path. */
  sumMs: number;
  /** What is not known, in words. */
  notes: string[];
}
