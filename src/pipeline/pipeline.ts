/**
 * A pipeline as its author meant it: checked, defaults applied, no YAML left. Both front-ends make this shape. Durations
 * are milliseconds, names are unique, `stages` is in running order and every job's stage is in it.
 */
export interface Pipeline {
  form: Form;
  name: string;
  stages: string[];
  on: On;
  workflow: Workflow;
  variables: Variables;
  /** What those of its variables may be that name their options. */
  variableOptions?: Record<string, string[]>;
  /** In the order of the file, templates left out; a job with `parallel` is one of them still. */
  jobs: Job[];
}

/** Which front-end the file was written for. */
export type Form = "native" | "gitlab";

/** What decides on the run as a whole. `rules` undefined: there is a run. */
export interface Workflow {
  name: string | undefined;
  rules: Rule[] | undefined;
}

/**
 * A text alone is expanded. `expand` false: the value is taken as it is written. `file`: the job finds the value in a file, whose
 * path the variable holds.
 */
export type Variable = string | { value: string; expand: boolean; file?: boolean };
export type Variables = Record<string, Variable>;

/** Where something was written, in whatever file. Line and column from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
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
  /** A command may have several lines. Empty only where `trigger` is set. */
  script: string[];
  afterScript: string[];
  /** Undefined: wait for all earlier stages. Empty: start at once. */
  needs: Need[] | undefined;
  /** Jobs of earlier stages, or of `needs`, whose artifacts are fetched. Undefined: all of them. */
  dependencies: string[] | undefined;
  /** Undefined: the job is in every run. */
  rules: Rule[] | undefined;
  /** GitLab's form: neither rules nor `workflow:rules`, and so no part of a merge request's run. */
  implicitNoMergeRequest: boolean;
  parallel: Parallel | undefined;
  when: When;
  /** Of `delayed` jobs: how long they wait once their turn has come. */
  startInMs: number | undefined;
  /** Undefined: a job that starts by hand may fail, others may not; see `plan/rules.ts`. */
  allowFailure: AllowFailure | undefined;
  artifacts: Artifacts | undefined;
  services: Service[];
  caches: Cache[];
  /** Names of the secrets it is given. */
  secrets: string[];
  /** They were not listed: they are the names that its script and the like refer to, secrets or not. */
  secretsInferred?: true;
  environment: Environment | undefined;
  /** Finds the figure in a line of the log. */
  coverage: RegexText | undefined;
  /** Of the jobs of a repository with the same one, only one runs at a time. May hold `$VARIABLES`. */
  resourceGroup: string | undefined;
  /** `hooks:pre_get_sources_script`: commands before all others. */
  preGetSources: string[];
  /** Set: the job runs nothing itself but starts another pipeline. */
  trigger: TriggerJob | undefined;
  variables: Variables;
  /** Which of the pipeline's variables the job gets; a list names them. */
  inheritVariables: boolean | string[];
  /** Default 1 h. */
  timeoutMs: number;
  retry: RetryPolicy;
  /** Labels that a worker must carry to take it. */
  tags: string[];
  interruptible: boolean;
  /** Of the job's own key, not of its template's. */
  at: Place;
}

/** `name` may contain `$VARIABLES`, which the plan expands. `entrypoint` undefined: cicd starts a shell itself. */
export interface Image {
  name: string;
  entrypoint: string[] | undefined;
  pullPolicy: PullPolicy;
  /** `NAME`, `UID` or `UID:GID`; undefined: the image's. */
  user?: string | undefined;
  /** `OS/ARCH[/VARIANT]`; undefined: the engine's. */
  platform?: string | undefined;
}

/** A container beside the job's, in a network of the two. `name` as an image's. */
export interface Service extends Image {
  /** Host names, besides those made from the image's name. */
  aliases: string[];
  /** Undefined: the image's. */
  command: string[] | undefined;
  /** Over the job's, for this service alone. */
  variables: Variables;
  /** Undefined: the image's, or that its ports are listened on. */
  healthcheck: Healthcheck | undefined;
}

/** As Docker's: `test` is `["CMD", …]` or `["CMD-SHELL", command]`. */
export interface Healthcheck {
  test: string[];
  intervalMs: number;
  timeoutMs: number;
  retries: number;
  startPeriodMs: number;
}

/** Files that are kept from one run to the next. Key, prefix, fallback keys and paths may hold `$VARIABLES`. */
export interface Cache {
  /** `files`: the key is a hash of their contents, behind `prefix-`. */
  key: { kind: "text"; text: string } | { kind: "files"; files: string[]; prefix: string | undefined };
  paths: string[];
  /** Everything that is not in the snapshot as well. */
  untracked: boolean;
  /** `pull-push`, `pull`, `push`, or a `$VARIABLE` that holds one of them. */
  policy: string;
  when: "on_success" | "on_failure" | "always";
  /** Tried in order where there is nothing under the key. */
  fallbackKeys: string[];
}

/** What a job deploys to; nothing is deployed or stopped here. Name and address may hold `$VARIABLES`. */
export interface Environment {
  name: string;
  url: string | undefined;
  action: "start" | "prepare" | "stop" | "verify" | "access";
  tier: string | undefined;
}

/** A pipeline that a job starts: read and checked with the file that names it. `depend`: the job ends as that pipeline does. */
export interface TriggerJob {
  child: Pipeline;
  depend: boolean;
  forward: { yamlVariables: boolean; pipelineVariables: boolean };
}

/** `always-else-present`: where it cannot be pulled, the one that is there. */
export type PullPolicy = "always" | "always-else-present" | "if-not-present" | "never";

/** `matrix` undefined: all instances of a multiplied job, else those whose values are among its rows. */
export interface Need {
  job: string;
  artifacts: boolean;
  optional: boolean;
  matrix: MatrixRow[] | undefined;
  at: Place;
}

export type Parallel = { kind: "count"; count: number } | { kind: "matrix"; rows: MatrixRow[] };

/** Each name with its values, as written. The values of a row are multiplied out, the first name slowest. */
export type MatrixRow = { name: string; values: string[] }[];

/** The clauses that are present must all hold. What is undefined is as the job says. */
export interface Rule {
  if: { text: string; expression: Expression } | undefined;
  changes: { paths: string[]; compareTo: string | undefined } | undefined;
  exists: string[] | undefined;
  when: When | "never" | undefined;
  startInMs: number | undefined;
  allowFailure: AllowFailure | undefined;
  variables: Variables;
  needs: Need[] | undefined;
  interruptible: boolean | undefined;
  at: Place;
}

/** A pattern of RE2, without its slashes. `flags`: letters of `ismU`. */
export interface RegexText {
  source: string;
  flags: string;
}

export type Expression =
  | { kind: "variable"; name: string }
  | { kind: "text"; value: string }
  | { kind: "null" }
  | ({ kind: "regex" } & RegexText)
  | { kind: "compare"; op: "==" | "!="; left: Expression; right: Expression }
  | { kind: "match"; op: "=~" | "!~"; left: Expression; right: Expression }
  | { kind: "and" | "or"; left: Expression; right: Expression };

export type When = "on_success" | "on_failure" | "always" | "manual" | "delayed";

/** `exitCodes`: only these are allowed. */
export type AllowFailure = boolean | { exitCodes: number[] };

export interface Artifacts {
  paths: string[];
  exclude: string[];
  when: "on_success" | "on_failure" | "always";
  name: string | undefined;
  /** Undefined: kept until retention says otherwise. */
  expireInMs: number | undefined;
  /** Everything that is not in the snapshot as well. */
  untracked?: boolean;
  /** Files that are read after the job. */
  reports?: Reports;
}

/** Paths and patterns, relative to the workspace. They are kept with the artifacts, but not handed on to other jobs. */
export interface Reports {
  junit: string[];
  dotenv: string[];
  /** Kept, and read by nobody. */
  others: string[];
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
