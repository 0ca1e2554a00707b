import { assertNever } from "../../errors/assert-never.ts";
import type { ExecutionResult } from "../../run/executor.ts";

/** How GitLab's runner limits `after_script`. */
const AFTER_TIMEOUT_MS = 5 * 60_000;

/** How long `after_script` may take after such a main script; of a canceled job nothing outlasts one more grace. */
export function afterLimits(
  { status }: ExecutionResult,
  graceMs: number,
): { timeoutMs: number; graceMs: number } {
  return status === "canceled"
    ? { timeoutMs: graceMs, graceMs: 0 }
    : { timeoutMs: AFTER_TIMEOUT_MS, graceMs };
}

export const SUCCESS: ExecutionResult = {
  status: "success",
  exitCode: 0,
  failureReason: null,
  message: null,
};

export const CANCELED: ExecutionResult = {
  status: "canceled",
  exitCode: null,
  failureReason: "canceled",
  message: null,
};

export function failedResult(
  failureReason: NonNullable<ExecutionResult["failureReason"]>,
  exitCode: number | null,
  message: string,
): ExecutionResult {
  return { status: "failed", exitCode, failureReason, message };
}

/** Of a job that ran under an earlier owner and left nothing: whether it did its work cannot be known. */
export const LEFTOVERS_GONE = failedResult(
  "runner_system_failure",
  null,
  "What the job ran in is gone; it is not started a second time.",
);

/** The result of a script by its exit code. */
export function scriptResult(exitCode: number): ExecutionResult {
  if (exitCode === 0) return SUCCESS;
  return failedResult("script_failure", exitCode, `The script ended with exit code ${exitCode}.`);
}

/** The result of a script that was sent a signal by us while it ran: the exit code is then not its own. */
export function stoppedResult(stoppedBy: "cancel" | "kill" | "timeout", timeoutMs: number): ExecutionResult {
  switch (stoppedBy) {
    case "timeout":
      return failedResult(
        "job_timeout",
        null,
        `The job ran longer than its timeout, which left it ${duration(timeoutMs)}.`,
      );
    case "cancel":
    case "kill":
      return CANCELED;
    default:
      return assertNever(stoppedBy);
  }
}

/** `after_script` never changes a result; what went wrong with it joins the message. */
export function withAfterWarning(
  result: ExecutionResult,
  after: {
    exitCode: number | null;
    stoppedBy: "cancel" | "kill" | "timeout" | null;
    timeoutMs: number;
  },
): ExecutionResult {
  if (after.stoppedBy === "timeout") {
    return withWarning(result, `after_script ran longer than ${duration(after.timeoutMs)} and was stopped.`);
  }
  if (after.stoppedBy !== null || after.exitCode === 0 || after.exitCode === null) return result;
  return withWarning(result, `after_script ended with exit code ${after.exitCode}.`);
}

export function withWarning(result: ExecutionResult, warning: string): ExecutionResult {
  const message = result.message === null ? warning : `${result.message}\n${warning}`;
  return { ...result, message };
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Math.round(ms / 1_000)} s`;
}
