import type { AttemptRecord, EpochMs, JobRecord, NewRunEvent, RunEventType, RunRecord } from "./records.ts";
import type { RunChanges, RunState } from "./run-state.ts";

/**
 * A run's rows while a command is applied to them: reads see the changes, the rows that were passed in stay as they
 * were, and `changes` is what must be written.
 */
export class Draft {
  readonly now: EpochMs;
  #run: RunRecord;
  #runChanged = false;
  readonly #jobs: JobRecord[];
  readonly #changedJobs = new Set<number>();
  readonly #attempts: Map<string, AttemptRecord>;
  readonly #changedAttempts = new Map<string, AttemptRecord>();
  readonly #artifacts: RunChanges["artifacts"] = [];
  readonly #events: NewRunEvent[] = [];

  constructor(state: RunState, now: EpochMs) {
    this.now = now;
    this.#run = state.run;
    this.#jobs = [...state.jobs];
    this.#attempts = state.attempts;
  }

  get run(): RunRecord {
    return this.#run;
  }

  get jobs(): readonly JobRecord[] {
    return this.#jobs;
  }

  job(jobId: string): JobRecord | undefined {
    return this.#jobs.find((job) => job.id === jobId);
  }

  attempt(jobId: string): AttemptRecord | undefined {
    return this.#changedAttempts.get(jobId) ?? this.#attempts.get(jobId);
  }

  setRun(change: Partial<RunRecord>): void {
    this.#run = { ...this.#run, ...change };
    this.#runChanged = true;
  }

  setJob(job: JobRecord, change: Partial<JobRecord>): JobRecord {
    const next = { ...this.#jobs[job.index]!, ...change };
    this.#jobs[job.index] = next;
    this.#changedJobs.add(job.index);
    return next;
  }

  setAttempt(attempt: AttemptRecord, change: Partial<AttemptRecord>): void {
    this.#changedAttempts.set(attempt.jobId, { ...attempt, ...change });
  }

  addArtifacts(artifacts: RunChanges["artifacts"]): void {
    this.#artifacts.push(...artifacts);
  }

  emit(type: RunEventType, job: JobRecord | null, data: Record<string, unknown> = {}): void {
    const attempt = job === null || job.attempt === 0 ? null : job.attempt;
    this.#events.push({ runId: this.#run.id, at: this.now, type, job: job?.name ?? null, attempt, data });
  }

  changes(): RunChanges {
    return {
      run: this.#runChanged ? this.#run : null,
      jobs: [...this.#changedJobs].sort((a, b) => a - b).map((index) => this.#jobs[index]!),
      attempts: [...this.#changedAttempts.values()],
      artifacts: this.#artifacts,
      events: this.#events,
    };
  }
}
