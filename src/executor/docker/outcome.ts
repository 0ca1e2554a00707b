import type { ExecutionResult } from "../../run/executor.ts";
import type { Ending } from "./supervision.ts";

const KILLED = 128 + 9;

/** The result of the main script. `memoryLimited`: a kill nobody here sent can then only come from the memory limit. */
export function resultOf(
  ending: Ending,
  context: { image: string; timeoutMs: number; memoryLimited: boolean; hasShell: boolean },
): ExecutionResult {
  const { state, stoppedBy } = ending;
  if (ending.detached) return canceledResult(null);
  if (state === null) {
    return stoppedBy === null
      ? failed("runner_system_failure", null, "The container was removed while the job ran.")
      : canceledResult(null);
  }
  const code = state.ExitCode;
  if (stoppedBy === "timeout") {
    return failed(
      "job_timeout",
      code,
      `The job ran longer than its timeout of ${duration(context.timeoutMs)}.`,
    );
  }
  if (stoppedBy !== null) return canceledResult(code);
  if (code === 0) return { status: "success", exitCode: 0, failureReason: null, message: null };
  if (state.OOMKilled || (context.memoryLimited && code === KILLED)) {
    return failed("oom_killed", code, "The job used more memory than its container may and was killed.");
  }
  if (!context.hasShell) {
    return failed(
      "image_without_shell",
      code,
      `The image ${context.image} has no shell (sh), which running a script needs. Use an image that has one.`,
    );
  }
  return failed("script_failure", code, `The script ended with exit code ${code}.`);
}

export function canceledResult(exitCode: number | null): ExecutionResult {
  return { status: "canceled", exitCode, failureReason: "canceled", message: null };
}

export function failed(
  failureReason: NonNullable<ExecutionResult["failureReason"]>,
  exitCode: number | null,
  message: string,
): ExecutionResult {
  return { status: "failed", exitCode, failureReason, message };
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Math.round(ms / 1_000)} s`;
}
