import type { Command, CommandResult } from "./command.ts";
import type { StartPhase } from "./executor.ts";
import type { EpochMs } from "./records.ts";

/**
 * What the time of an attempt goes to. `script`: from the start of its container to the exit. `record`: what is written to and read
 * from the store. `cleanup` comes after the outcome, beside other jobs. `unrecorded`: what an earlier owner did.
 */
export type AttemptPhase = StartPhase | "script" | "artifacts" | "record" | "cleanup" | "unrecorded";

/**
 * What a process does for a run besides its jobs. `startup`: until the command begins. `source`: opening the repository, reading
 * its files, planning. `sweep`: removing what earlier processes left, as far as it is waited for. `record`: the same as of
 * attempts. `cleanup`: removing what the last jobs left. `closing`: until the process ends.
 */
export type RunPhase = "startup" | "source" | "snapshot" | "sweep" | "record" | "cleanup" | "closing";

/** What is not measured but follows. `queued`: from when it could start to its claim. `idle`: the run had ended or waited for a person. */
export type TracePhase = AttemptPhase | RunPhase | "queued" | "idle";

/** In the order in which they come. */
export const TRACE_PHASES = [
  "startup",
  "source",
  "snapshot",
  "sweep",
  "queued",
  "pull",
  "workspace",
  "services",
  "start",
  "script",
  "artifacts",
  "record",
  "unrecorded",
  "idle",
  "cleanup",
  "closing",
] as const satisfies readonly TracePhase[];

/** Both ends by one clock, with fractions of milliseconds. */
export interface PhaseSpan<P extends string = AttemptPhase | RunPhase> {
  phase: P;
  startedAt: EpochMs;
  finishedAt: EpochMs;
}

/** Append-only: what one process measured of an attempt, or of the run itself (`jobId` and `attempt` null), by its own clock. */
export interface RecordedPhases {
  runId: string;
  jobId: string | null;
  attempt: number | null;
  /** One after the other, without gaps. */
  spans: PhaseSpan[];
}

/** What a store keeps of a `finish` together with the outcome: undefined where this one recorded none. */
export function phasesOf(command: Command, { kind }: CommandResult): RecordedPhases | undefined {
  if (command.type !== "finish" || command.phases === undefined || kind !== "done") return undefined;
  const { runId, jobId, attempt } = command.lease;
  return { runId, jobId, attempt, spans: command.phases };
}

/** Milliseconds since 1970 with fractions; never goes back, not even where the clock of the host is set. */
export function steadyClock(): () => EpochMs {
  const origin = Date.now() - performance.now();
  return () => origin + performance.now();
}

/** Always in exactly one phase, so that no moment is lost or counted twice. */
export class PhaseRecorder<P extends string = AttemptPhase> {
  readonly #now: () => EpochMs;
  readonly #spans: PhaseSpan<P>[] = [];
  #phase: P;
  #since: EpochMs;

  /** `since` when it is in the first one. */
  constructor(first: P, now: () => EpochMs = steadyClock(), since: EpochMs = now()) {
    this.#now = now;
    this.#phase = first;
    this.#since = since;
  }

  enter(phase: P): void {
    if (phase === this.#phase) return;
    this.#spans.push({ phase: this.#phase, startedAt: this.#since, finishedAt: this.#now() });
    this.#since = this.#spans.at(-1)!.finishedAt;
    this.#phase = phase;
  }

  /** Up to now, those without any length left out. */
  spans(): PhaseSpan<P>[] {
    const last = { phase: this.#phase, startedAt: this.#since, finishedAt: this.#now() };
    return [...this.#spans, last].filter(({ startedAt, finishedAt }) => finishedAt > startedAt);
  }
}
