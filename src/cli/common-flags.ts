import type { FlagDefs } from "./flags.ts";

/** Understood by every command. */
export const GLOBAL_FLAGS = {
  json: { kind: "boolean", summary: "machine output on stdout, nothing else there" },
  quiet: { kind: "boolean", short: "q", summary: "only results and errors" },
  verbose: { kind: "boolean", short: "v", summary: "more detail; log lines in the live view" },
  "no-color": { kind: "boolean", summary: "no colours (also NO_COLOR)" },
  database: {
    kind: "string",
    value: "URL",
    summary: "sqlite:PATH or postgres://... (also CICD_DATABASE_URL)",
  },
  server: { kind: "string", value: "URL", summary: "ask a cicd server (also CICD_SERVER)" },
  help: { kind: "boolean", short: "h", summary: "this help" },
} as const satisfies FlagDefs;

export const REPO_FLAG = {
  repo: { kind: "string", short: "r", value: "REPO", summary: "a path (default: here) or a git URL" },
} as const satisfies FlagDefs;

/** Which commit to take. */
export const REF_FLAGS = {
  branch: { kind: "string", short: "b", value: "BRANCH", summary: "a branch instead of the working tree" },
  commit: { kind: "string", short: "c", value: "COMMIT", summary: "a commit instead of the working tree" },
} as const satisfies FlagDefs;

/** Which recorded runs are meant. */
export const RUN_REF_FLAGS = {
  branch: { ...REF_FLAGS.branch, summary: "runs of this branch" },
  commit: { ...REF_FLAGS.commit, summary: "runs of this commit" },
} as const satisfies FlagDefs;

export const FILE_FLAG = {
  file: {
    kind: "string",
    short: "f",
    alias: "config-file",
    value: "FILE",
    summary: "one file, wherever it lies",
  },
} as const satisfies FlagDefs;

export const PIPELINE_FLAG = {
  pipeline: { kind: "string", short: "p", value: "PIPELINE", summary: "name of a pipeline" },
} as const satisfies FlagDefs;

/** Parts of a pipeline. */
export const JOB_CHOICE_FLAGS = {
  job: {
    kind: "list",
    short: "j",
    value: "JOB",
    summary: "only this job and what it needs; may be repeated",
  },
  stage: { kind: "string", short: "s", value: "STAGE", summary: "only the jobs of this stage" },
  var: { kind: "list", value: "K=V", summary: "a variable for this run; may be repeated" },
} as const satisfies FlagDefs;

export const MANUAL_FLAG = {
  manual: { kind: "list", value: "JOB", summary: "start this manual job in its turn; may be repeated" },
} as const satisfies FlagDefs;

export const OVERRIDE_FLAG = {
  override: {
    kind: "list",
    short: "o",
    value: "KEY=VALUE",
    summary: "changes a value of the pipeline file for this run; may be repeated",
  },
} as const satisfies FlagDefs;

export const RUN_NUMBER_FLAG = {
  run: { kind: "count", value: "N", summary: "a run by its number, as `cicd list` shows it" },
} as const satisfies FlagDefs;

export const LOCAL_FLAG = {
  local: { kind: "boolean", short: "l", summary: "here, although a server is configured" },
} as const satisfies FlagDefs;

/** How jobs are run. */
export const EXECUTION_FLAGS = {
  jobs: { kind: "string", value: "N", summary: "at most so many jobs at the same time (also CICD_JOBS)" },
  executor: { kind: "string", value: "docker|shell", summary: "where jobs run (also CICD_EXECUTOR)" },
} as const satisfies FlagDefs;

/** What a worker goes by; `cicd serve` has one, too. */
export const WORKER_FLAGS = {
  name: { kind: "string", value: "NAME", summary: "name of the worker (also CICD_WORKER_NAME)" },
  labels: {
    kind: "string",
    value: "A,B",
    summary: "what the tags of jobs may ask for (also CICD_WORKER_LABELS)",
  },
  shared: {
    kind: "string",
    value: "URL",
    summary: "fs:/DIRECTORY or s3://BUCKET/PREFIX, for several hosts (also CICD_SHARED)",
  },
} as const satisfies FlagDefs;
