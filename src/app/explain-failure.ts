import { assertNever } from "../errors/assert-never.ts";
import { formatDuration } from "../pipeline/duration.ts";
import type { PlannedJob } from "../plan/plan.ts";
import type { AttemptRecord, JobRecord } from "../run/records.ts";

/** What a failure's reason means, in a clause: `its script ended with exit code 1`. */
export function whyFailed(
  { failureReason, exitCode }: Pick<JobRecord, "failureReason" | "exitCode">,
  { image, timeoutMs }: Pick<PlannedJob, "image" | "timeoutMs">,
  attempt: Pick<AttemptRecord, "message"> | undefined,
): string {
  const name = image === null ? "" : ` ${image.name}`;
  const said = attempt?.message == null ? "" : ` (${attempt.message.trimEnd().replaceAll("\n", "; ")})`;
  switch (failureReason) {
    case null:
      return `for a reason that is not known${said}`;
    case "script_failure":
      return exitCode === null ? "its script failed" : `its script ended with exit code ${exitCode}`;
    case "job_timeout":
      return `it was not done within its timeout of ${formatDuration(timeoutMs)}`;
    case "oom_killed":
      return "it took more memory than it may, and was killed";
    case "image_pull_failure":
      return `its image${name} could not be fetched${said}`;
    case "image_without_shell":
      return `its image${name} has no shell to run the script`;
    case "runner_system_failure":
      return `not its script: what runs it failed${said}`;
    case "worker_lost":
      return "the worker that ran it ended or lost touch, so that nobody knows how it ended";
    case "config_error":
      return `it cannot be run as it is written${said}`;
    case "service_failed":
      return `one of its services did not get ready${said}`;
    case "child_failed":
      return "the run that it started did not succeed";
    case "canceled":
      return "it was canceled";
    default:
      return assertNever(failureReason);
  }
}
