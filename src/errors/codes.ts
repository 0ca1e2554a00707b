/** Exit statuses of the executable (also `docs/errors.md`). */
export const EXIT = {
  success: 0,
  failed: 1,
  usage: 2,
  outside: 3,
  canceled: 4,
  interrupted: 130,
} as const;

type Exit = (typeof EXIT)[keyof typeof EXIT];

/**
 * Every code of a `CicdError`, its exit status and what it means. Diagnostics of pipeline files have codes of their own
 * (`src/pipeline/diagnostic.ts`). Codes are stable: scripts match on them.
 */
export const ERROR_CODES = {
  USAGE: {
    exit: EXIT.usage,
    meaning: "The command line is wrong: an unknown flag, a missing value, flags that exclude each other.",
  },
  CONFIG_INVALID: {
    exit: EXIT.usage,
    meaning: "The pipeline file has errors; the diagnostics above the line say which.",
  },
  CONFIG_NOT_FOUND: {
    exit: EXIT.usage,
    meaning: "There is no such pipeline file, or the repository has none.",
  },
  CONFIG_UNREADABLE: {
    exit: EXIT.usage,
    meaning: "The pipeline file cannot be read: a directory, no permission, not a regular file.",
  },
  SETTINGS_INVALID: {
    exit: EXIT.usage,
    meaning:
      "A setting of cicd itself (flag, environment variable, config file) has a value that makes no sense.",
  },
  SECRET_REFUSED: {
    exit: EXIT.usage,
    meaning:
      "A secret cannot be kept: its value is too short to be masked, too long or no text, or its name is none.",
  },
  SECRET_KEY_INVALID: {
    exit: EXIT.outside,
    meaning:
      "The key that secrets are sealed with is none, is open to others, or is not the one they were sealed with.",
  },
  NOT_FOUND: { exit: EXIT.usage, meaning: "No such pipeline, run, stage, job or artifact is recorded." },
  NOTHING_TO_DO: {
    exit: EXIT.usage,
    meaning: "What was asked for changes nothing, such as a retry of a run in which nothing failed.",
  },
  NEED_LEFT_OUT: {
    exit: EXIT.usage,
    meaning: "A job of the run needs one that the rules leave out, and the need is not optional.",
  },
  NEEDS_CIRCLE: {
    exit: EXIT.usage,
    meaning: "With the needs that rules give them, jobs need each other in a circle.",
  },
  NOT_SUPPORTED: { exit: EXIT.usage, meaning: "This is not supported here; the hint names what is." },
  GIT_MISSING: { exit: EXIT.outside, meaning: "The git program was not found." },
  GIT_NOT_A_REPOSITORY: { exit: EXIT.outside, meaning: "The directory is not inside a git repository." },
  GIT_REF_NOT_FOUND: {
    exit: EXIT.usage,
    meaning: "The branch or commit does not exist in the repository, or is not a valid name.",
  },
  GIT_URL_REFUSED: {
    exit: EXIT.usage,
    meaning:
      "The repository URL uses a protocol or form that is not allowed (https, ssh, file and local paths are), or a server was to clone from a private address or its own disk.",
  },
  GIT_FAILED: { exit: EXIT.outside, meaning: "A git command failed; the message carries git's own words." },
  SNAPSHOT_GONE: {
    exit: EXIT.outside,
    meaning: "The files that a run was made from are not stored any more, nor can git give them back.",
  },
  ARTIFACTS_GONE: {
    exit: EXIT.outside,
    meaning: "Artifacts that a job needs have expired or are not stored any more.",
  },
  DOCKER_UNREACHABLE: {
    exit: EXIT.outside,
    meaning: "The Docker engine does not answer at the configured address.",
  },
  DOCKER_FAILED: { exit: EXIT.outside, meaning: "The Docker engine answered with an error." },
  STORE_UNREACHABLE: { exit: EXIT.outside, meaning: "The database cannot be opened or reached." },
  STORE_SCHEMA_NEWER: {
    exit: EXIT.outside,
    meaning: "The database was written by a newer cicd; upgrade this one.",
  },
  STORE_CORRUPT: { exit: EXIT.outside, meaning: "The database file is damaged or is not a cicd database." },
  STORE_BUSY: { exit: EXIT.outside, meaning: "The database stayed locked by another process." },
  STORE_FAILED: { exit: EXIT.outside, meaning: "The database answered with an error." },
  TREE_INCOMPLETE: {
    exit: EXIT.outside,
    meaning: "Files of the tree that was sent to the server are missing there; send it again.",
  },
  SHARED_STORE_FAILED: {
    exit: EXIT.outside,
    meaning: "The shared store of snapshots and artifacts (--shared) cannot be reached, or refuses.",
  },
  SERVER_UNREACHABLE: {
    exit: EXIT.outside,
    meaning: "The cicd server does not answer at the configured address.",
  },
  SERVER_FAILED: {
    exit: EXIT.outside,
    meaning:
      "The cicd server answered with an error of its own, or with something that is no answer of a cicd server.",
  },
  SERVER_BUSY: {
    exit: EXIT.outside,
    meaning: "The cicd server serves as many streams or uploads as it may at a time.",
  },
  UNAUTHORIZED: {
    exit: EXIT.outside,
    meaning: "The server wants a token, and there is none, or it is wrong, revoked or expired.",
  },
  FORBIDDEN: { exit: EXIT.outside, meaning: "The token's role, or the server's rules, do not allow it." },
  TOO_LARGE: { exit: EXIT.usage, meaning: "What was sent to the server is larger than it takes." },
  LISTEN_FAILED: {
    exit: EXIT.outside,
    meaning: "The server cannot listen at its address: it is in use, not of this host, or not allowed.",
  },
  WORKER_RUNNING: {
    exit: EXIT.usage,
    meaning: "A worker of the same name is at work on this host already.",
  },
  DISK_FULL: { exit: EXIT.outside, meaning: "A disk is full." },
  PERMISSION_DENIED: {
    exit: EXIT.outside,
    meaning: "The operating system refused access to a file or directory.",
  },
  IO_FAILED: { exit: EXIT.outside, meaning: "Reading or writing a file failed." },
  ARCHIVE_REFUSED: {
    exit: EXIT.outside,
    meaning: "An archive held something unsafe or exceeded a limit, and was not unpacked.",
  },
  INTERNAL: {
    exit: EXIT.outside,
    meaning: "A bug in cicd. Please report it with the output of the same command and --verbose.",
  },
} as const satisfies Record<string, { exit: Exit; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
