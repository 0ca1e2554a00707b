/**
 * One problem of a pipeline file. `line` and `column` count from 1 (columns in UTF-16 code units); `length` is how much
 * of that line is meant (at least 1). All problems of a file are reported at once, in the order of their positions.
 */
export interface Diagnostic {
  code: DiagnosticCode;
  severity: "error" | "warning";
  message: string;
  file: string;
  line: number;
  column: number;
  length: number;
  hint?: string;
}

/** Every code a diagnostic can carry, and its meaning. Stable. */
export const DIAGNOSTIC_CODES = {
  CONFIG_SYNTAX: "The text is not valid YAML.",
  CONFIG_EMPTY: "The file is empty or holds no mapping.",
  CONFIG_UNREADABLE: "The file cannot be read: a directory, a link that leads nowhere, no permission.",
  CONFIG_TOO_LARGE: "The file is over 1 MiB.",
  CONFIG_TOO_DEEP: "The file is nested deeper than 64 levels.",
  CONFIG_TOO_MANY_ALIASES: "The file uses more than 100 aliases, or they expand to too much.",
  CONFIG_UNKNOWN_KEY: "A key that does not exist here.",
  CONFIG_FORBIDDEN_KEY: "A key that is never allowed (__proto__, constructor, prototype).",
  CONFIG_DUPLICATE_KEY: "The same key or name stands twice.",
  CONFIG_MISSING_KEY: "A required key is missing.",
  CONFIG_WRONG_TYPE: "A value of the wrong type.",
  CONFIG_INVALID_VALUE: "A value of the right type that makes no sense.",
  CONFIG_INVALID_NAME: "A name with characters that are not allowed, or too long.",
  CONFIG_INVALID_DURATION: "Not a duration such as 90s, 10m or 3h 30m.",
  CONFIG_INVALID_SCHEDULE: "Not a cron expression, one that never comes, or not the name of a time zone.",
  CONFIG_INVALID_IMAGE: "Not a valid image name.",
  CONFIG_MISSING_IMAGE: "The job has no image and there is no default one.",
  CONFIG_EMPTY_SCRIPT: "A script without any command.",
  CONFIG_UNKNOWN_STAGE: "A stage that is not in the list of stages.",
  CONFIG_UNKNOWN_NEED: "A need that names no job.",
  CONFIG_NEED_LATER_STAGE: "A need on a job of a later stage.",
  CONFIG_CYCLE: "Jobs that need each other in a circle.",
  CONFIG_TOO_MANY_JOBS: "More jobs or needs than are supported.",
  CONFIG_TOO_MANY_PROBLEMS: "More than 1,000 problems; the rest is not shown.",
  CONFIG_NOT_SUPPORTED:
    "A keyword that cicd does not carry out yet; to pass over it would change what the pipeline does.",
  CONFIG_EXPRESSION: 'Not an expression such as $CI_COMMIT_BRANCH == "main".',
  CONFIG_REGEX:
    "Not a regular expression of RE2, or one that needs what RE2 does not know (look-around, backreferences).",
  CONFIG_EXTENDS:
    "A template that does not exist, or templates that extend each other too deep or in a circle.",
  CONFIG_REFERENCE: "A !reference that leads nowhere, too deep or in a circle.",
  CONFIG_INCLUDE:
    "An include that names no file of the tree, no YAML file, or files that include each other in a circle.",
  CONFIG_INCLUDE_LIMIT: "More files are included, or larger ones, than are supported.",
  CONFIG_INCLUDE_REMOTE: "An include or a need of another project, which a run cannot fetch.",
  CONFIG_INPUT: "An input that is missing, unknown, of the wrong type, or not among its options.",
  CONFIG_TRIGGER:
    "A trigger job with keys of other jobs, or pipelines that start each other too deep or in a circle.",
  CONFIG_CACHE: "More caches of a job, files of a key or fallback keys than there may be.",
  CONFIG_PARALLEL: "More jobs than one may be multiplied to, or two of them with the same name.",
  CONFIG_NEED_MATRIX: "A need on values that no job of the matrix has.",
  CONFIG_START_IN:
    "A delayed job that does not say how long, or a start_in of another one, or of over a week.",
  CONFIG_ONLY_EXCEPT:
    "The keys only and except where rules are to be written, or in a form that cannot be decided here.",
  CONFIG_SERVICE_ALIAS: "Two services of a job answer to the same name.",
  CONFIG_HOOK_LATE: "Commands before the files are fetched, which here run when the files are there already.",
  GITLAB_LEFTOVER: "A key that GitLab knows and that changes nothing here.",
  GITLAB_DUPLICATE_KEY: "A key that stands twice in a .gitlab-ci.yml; the last one counts, as in GitLab.",
  PLAN_UNDEFINED_VARIABLE: "An image name refers to a variable that nothing defines.",
  PLAN_PRIVILEGED_SERVICE: "A service that needs more rights than containers are given here.",
  PLAN_SECRET_COMPARED: "A rule compares a secret, of which it can only see that it is set.",
  PLAN_CHANGES_UNKNOWN: "What changed is not known, so that every rule on changes holds.",
  CONFIG_UNKNOWN_OVERRIDE: "An override whose path does not exist in the file or the language.",
} as const;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;
