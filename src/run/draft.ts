import { jobIndex } from "./new-rows.ts";
import type { Progress } from "./progress.ts";
import type { AttemptRecord, EpochMs, JobRecord, NewRunEvent, RunEventType, RunRecord } from "./records.ts";
import type { RunChanges, RunState } from "./run-state.ts";

/**
 * A run's rows while a command is applied to them: reads see the changes, `changes` is what must be written, and when the draft is
 * disposed of, the state that was passed in is as it was.
 */
export class Draft implements Disposable {
  readonly now: EpochMs;
  #run: RunRecord;
  #runChanged = false;
  readonly progress: Progress;
  /** The changed jobs' rows as they were. */
  readonly #jobsBefore = new Map<number, JobRecord>();
  readonly #attempts: Map<string, AttemptRecord>;
  readonly #changedAttempts = new Map<string, AttemptRecord>();
  readonly #artifacts: RunChanges["artifacts"] = [];
  readonly #testFailures: RunChanges["testFailures"] = [];
  readonly #events: NewRunEvent[] = [];

  constructor(state: RunState, now: EpochMs) {
    this.now = now;
    this.#run = state.run;
    this.progress = state.progress;
    this.#attempts = state.attempts;
  }

  get run(): RunRecord {
    return this.#run;
  }

  get jobs(): readonly JobRecord[] {
    return this.progress.jobs;
  }

  job(jobId: string): JobRecord | undefined {
    const job = this.jobs[jobIndex(this.#run.id, jobId)];
    return job?.id === jobId ? job : undefined;
  }

  attempt(jobId: string): AttemptRecord | undefined {
    return this.#changedAttempts.get(jobId) ?? this.#attempts.get(jobId);
  }

  setRun(change: Partial<RunRecord>): void {
    this.#run = { ...this.#run, ...change };
    this.#runChanged = true;
  }

  setJob(job: JobRecord, change: Partial<JobRecord>): JobRecord {
    const before = this.jobs[job.index]!;
    if (!this.#jobsBefore.has(job.index)) this.#jobsBefore.set(job.index, before);
    const next = { ...before, ...change };
    this.progress.put(next);
    return next;
  }

  setAttempt(attempt: AttemptRecord, change: Partial<AttemptRecord>): void {
    this.#changedAttempts.set(attempt.jobId, { ...attempt, ...change });
  }

  addArtifacts(artifacts: RunChanges["artifacts"]): void {
    this.#artifacts.push(...artifacts);
  }

  addTestFailures(failures: RunChanges["testFailures"]): void {
    this.#testFailures.push(...failures);
  }

  emit(type: RunEventType, job: JobRecord | null, data: Record<string, unknown> = {}): void {
    const attempt = job === null || job.attempt === 0 ? null : job.attempt;
    this.#events.push({ runId: this.#run.id, at: this.now, type, job: job?.name ?? null, attempt, data });
  }

  changes(): RunChanges {
    return {
      run: this.#runChanged ? this.#run : null,
      jobs: [...this.#jobsBefore.keys()].sort((a, b) => a - b).map((index) => this.jobs[index]!),
      attempts: [...this.#changedAttempts.values()],
      artifacts: this.#artifacts,
      testFailures: this.#testFailures,
      events: this.#events,
    };
  }

  [Symbol.dispose](): void {
    for (const job of this.#jobsBefore.values()) this.progress.put(job);
  }
}
