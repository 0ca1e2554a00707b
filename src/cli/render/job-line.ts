import type { FailureReason } from "../../run/records.ts";
import { symbolOf } from "./status.ts";
import type { Style } from "./style.ts";
import { duration, printable } from "./text.ts";

/** What is said about a job that is over. */
export interface FinishedJob {
  name: string;
  status: string;
  allowed: boolean;
  exitCode: number | null;
  failureReason: FailureReason | null;
  message: string | null;
  durationMs: number | null;
}

/** `✗ unit 3.2s exit code 1` */
export function renderFinishedJob(job: FinishedJob, style: Style): string {
  const parts = [symbolOf(job.status, job.allowed, style), printable(job.name)];
  if (job.durationMs !== null) parts.push(style.dim(duration(job.durationMs)));
  const note = noteOf(job);
  if (note !== "") parts.push(style.dim(note));
  return parts.join(" ");
}

/** Why it ended so, in words: `exit code 1 (allowed)`, `timed out`, `skipped`. */
export function noteOf(job: Omit<FinishedJob, "name" | "durationMs">): string {
  const cause = causeOf(job);
  return job.allowed && job.status === "failed" ? `${cause} (allowed)` : cause;
}

function causeOf(job: Omit<FinishedJob, "name" | "durationMs">): string {
  if (job.status === "skipped" || job.status === "canceled") return job.status;
  const warnings = job.message === null ? "" : printable(job.message.replaceAll("\n", "; "));
  if (job.status !== "failed") return warnings;
  if (job.failureReason === "script_failure" && job.exitCode !== null) return `exit code ${job.exitCode}`;
  const reason = (job.failureReason ?? "failed").replaceAll("_", " ");
  return warnings === "" ? reason : `${reason}: ${warnings}`;
}
