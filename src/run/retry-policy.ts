import type { RetryPolicy, RetryWhen } from "../pipeline/pipeline.ts";
import type { FailureReason, Outcome } from "./records.ts";

/** The words of `retry:when` that a failure answers to. */
const WORDS: Readonly<Record<FailureReason, readonly RetryWhen[]>> = {
  script_failure: ["script_failure"],
  job_timeout: ["job_execution_timeout", "stuck_or_timeout_failure"],
  oom_killed: ["oom_killed", "script_failure"],
  image_pull_failure: ["image_pull_failure", "runner_system_failure"],
  image_without_shell: [],
  runner_system_failure: ["runner_system_failure"],
  worker_lost: ["worker_lost", "runner_system_failure"],
  config_error: [],
  service_failed: ["runner_system_failure"],
  child_failed: ["script_failure"],
  canceled: [],
};

/**
 * https://docs.gitlab.com/ci/yaml/#retry: `when` and `exit_codes` are alternatives; neither given means any failure, but none that
 * would come again until somebody changes something.
 */
export function isRetryWanted(
  policy: RetryPolicy,
  retriesUsed: number,
  outcome: Pick<Outcome, "status" | "exitCode" | "failureReason">,
): boolean {
  if (outcome.status !== "failed" || retriesUsed >= policy.max) return false;
  if (outcome.failureReason === "config_error") return false;
  if (policy.when.length === 0 && policy.exitCodes.length === 0) return true;
  const words: readonly RetryWhen[] =
    outcome.failureReason === null ? ["unknown_failure"] : WORDS[outcome.failureReason];
  const exitCode = ownExitCode(outcome);
  const byReason = policy.when.includes("always") || words.some((word) => policy.when.includes(word));
  return byReason || (exitCode !== null && policy.exitCodes.includes(exitCode));
}

/** The exit code that the script itself ended with; null where a time-out or the machine ended it. */
export function ownExitCode({
  exitCode,
  failureReason,
}: Pick<Outcome, "exitCode" | "failureReason">): number | null {
  return failureReason === "script_failure" || failureReason === "oom_killed" ? exitCode : null;
}
