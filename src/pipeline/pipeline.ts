/**
 * A pipeline as its author meant it: checked, defaults applied, no YAML left. Both front-ends make this shape. Durations
 * are milliseconds, names are unique, `stages` is in running order and every job's stage is in it.
 */
export interface Pipeline {
  name: string;
  stages: string[];
  on: On;
  variables: Record<string, string>;
  /** In the order of the file. */
  jobs: Job[];
}

/** What makes a run of it. Undefined: such events do not. */
export interface On {
  /** `cicd run` takes it without being told its name. */
  manual: boolean;
  /** Of a branch. */
  push: ChangeFilter | undefined;
  tag: NameFilter | undefined;
  /** Its branches are those that are to be merged into. */
  pullRequest: ChangeFilter | undefined;
  schedule: ScheduledMoment[];
}

/** Patterns in order (`glob.ts`), the last that matches decides, `!` takes away. Null: no condition. */
export interface NameFilter {
  only: string[] | null;
  ignored: string[] | null;
}

export interface ChangeFilter {
  branches: NameFilter;
  paths: NameFilter;
}

/** `timezone`: an IANA name. `branch` null: the repository's default branch. */
export interface ScheduledMoment {
  cron: string;
  timezone: string;
  branch: string | null;
}

export interface Job {
  name: string;
  stage: string;
  /** Absent only when the executor needs none (shell). */
  image: Image | undefined;
  beforeScript: string[];
  /** At least one command; a command may have several lines. */
  script: string[];
  afterScript: string[];
  /** Undefined: wait for all earlier stages. Empty: start at once. */
  needs: Need[] | undefined;
  when: When;
  allowFailure: AllowFailure;
  artifacts: Artifacts | undefined;
  variables: Record<string, string>;
  /** Default 1 h. */
  timeoutMs: number;
  retry: RetryPolicy;
  /** Labels that a worker must carry to take it. */
  tags: string[];
  interruptible: boolean;
  /** Where the job stands in its file, for messages. */
  line: number;
}

/** `name` may contain `$VARIABLES`, which the plan expands. `entrypoint` undefined: cicd starts a shell itself. */
export interface Image {
  name: string;
  entrypoint: string[] | undefined;
  pullPolicy: PullPolicy;
}

export type PullPolicy = "always" | "if-not-present" | "never";

export interface Need {
  job: string;
  artifacts: boolean;
  optional: boolean;
}

export type When = "on_success" | "on_failure" | "always" | "manual";

/** `exitCodes`: only these are allowed. */
export type AllowFailure = boolean | { exitCodes: number[] };

export interface Artifacts {
  paths: string[];
  exclude: string[];
  when: "on_success" | "on_failure" | "always";
  name: string | undefined;
  /** Undefined: kept until retention says otherwise. */
  expireInMs: number | undefined;
}

/** `max` further attempts, taken when the failure's reason is in `when` or its exit code in `exitCodes` (OR; both empty: any failure). */
export interface RetryPolicy {
  max: 0 | 1 | 2;
  when: RetryWhen[];
  exitCodes: number[];
}

/** GitLab's words: https://docs.gitlab.com/ci/yaml/#retrywhen, as far as such a failure exists here. */
export const RETRY_WHEN = [
  "always",
  "unknown_failure",
  "script_failure",
  "api_failure",
  "stuck_or_timeout_failure",
  "runner_system_failure",
  "runner_unsupported",
  "stale_schedule",
  "job_execution_timeout",
  "archived_failure",
  "unmet_prerequisites",
  "scheduler_failure",
  "data_integrity_failure",
  "image_pull_failure",
  "oom_killed",
  "worker_lost",
] as const;

export type RetryWhen = (typeof RETRY_WHEN)[number];
