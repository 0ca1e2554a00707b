import type { ErrorCode } from "./codes.ts";

/**
 * Something the world did wrong (Docker, the database, git, the disk) or a command line that makes no sense.
 * Thrown, never returned; caught once, at the face. `message` is one sentence without a trailing newline, `hint` says
 * how to mend it. What a user wrote wrongly in a pipeline file is a `Diagnostic` instead, and a job that exits 1 is a
 * state.
 */
export class CicdError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CicdError";
    this.code = code;
    this.hint = options.hint;
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").trim();
}
