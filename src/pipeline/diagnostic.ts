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
  CONFIG_UNKNOWN_OVERRIDE: "An override whose path does not exist in the file or the language.",
} as const;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;
