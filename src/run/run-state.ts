import { Progress } from "./progress.ts";
import type { ArtifactRecord, AttemptRecord, JobRecord, NewRunEvent, RunRecord } from "./records.ts";
import type { TestFailure } from "./test-results.ts";

/**
 * What `applyCommand` sees of a run, and what the adapters load under its lock. It may be kept and brought on with `apply`, so that
 * a command costs what it changes, however many jobs the run has.
 */
export class RunState {
  run: RunRecord;
  readonly progress: Progress;
  /** The newest attempt of a job, by job id; absent before the first. */
  readonly attempts: Map<string, AttemptRecord>;

  /** `jobs` by index. Lists and map are this object's from now on. */
  constructor(run: RunRecord, jobs: JobRecord[], attempts: Map<string, AttemptRecord>) {
    this.run = run;
    this.progress = new Progress(run.plan, jobs);
    this.attempts = attempts;
  }

  /** By `index`. */
  get jobs(): readonly JobRecord[] {
    return this.progress.jobs;
  }

  /** After the commit of what a command or claim changed. */
  apply({ run, jobs, attempts }: Pick<RunChanges, "run" | "jobs" | "attempts">): void {
    if (run !== null) this.run = run;
    for (const job of jobs) this.progress.put(job);
    for (const attempt of attempts) this.attempts.set(attempt.jobId, attempt);
  }
}

/** What a command changed; adapters write exactly this. */
export interface RunChanges {
  run: RunRecord | null;
  jobs: JobRecord[];
  attempts: AttemptRecord[];
  /** Of the attempts that finished with this command. */
  artifacts: (ArtifactRecord & { jobId: string; attempt: number })[];
  testFailures: (TestFailure & { jobId: string; attempt: number })[];
  events: NewRunEvent[];
}
