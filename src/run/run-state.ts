import type { ArtifactRecord, AttemptRecord, JobRecord, NewRunEvent, RunRecord } from "./records.ts";

/** What `applyCommand` sees of a run, and what the adapters load under its lock. */
export interface RunState {
  run: RunRecord;
  /** By `index`. */
  jobs: JobRecord[];
  /** The newest attempt of a job, by job id; absent before the first. */
  attempts: Map<string, AttemptRecord>;
}

/** What a command changed; adapters write exactly this. */
export interface RunChanges {
  run: RunRecord | null;
  jobs: JobRecord[];
  attempts: AttemptRecord[];
  /** Of the attempts that finished with this command. */
  artifacts: (ArtifactRecord & { jobId: string; attempt: number })[];
  events: NewRunEvent[];
}
