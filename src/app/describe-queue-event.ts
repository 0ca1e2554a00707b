import { assertNever } from "../errors/assert-never.ts";
import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { WatchedAttempt } from "../run/worker-event.ts";
import type { LogLine } from "./log-line.ts";
import type { QueueEvent } from "./queue-event.ts";

export function describeQueueEvent(event: QueueEvent): LogLine {
  switch (event.type) {
    case "worker.started":
      return line(event.type, `worker ${event.worker} is ready for ${event.slots} jobs at a time`, {
        worker: event.worker,
        slots: event.slots,
      });
    case "worker.draining":
      return line(event.type, `taking no new jobs; ${event.activeJobs} still run`, {
        activeJobs: event.activeJobs,
      });
    case "worker.stopped":
      return line(event.type, stoppedText(event.left), { left: event.left });
    case "job.claimed":
      return line(event.type, `runs ${titleOf(event.job)}`, fieldsOf(event.job));
    case "job.adopted":
      return line(event.type, `goes on with ${titleOf(event.job)}`, fieldsOf(event.job));
    case "job.left":
      return line(event.type, `leaves ${titleOf(event.job)} running`, fieldsOf(event.job));
    case "job.lost":
      return warning(event.type, `lost its hold on ${titleOf(event.job)}`, fieldsOf(event.job));
    case "job.finished":
      return finished(event);
    case "job.reaped": {
      const { runId, jobId, attempt } = event.lease;
      return warning(event.type, `the worker of job ${jobId} was lost`, { runId, jobId, attempt });
    }
    case "swept":
      return line(event.type, `removed leftovers: ${countsOf({ ...event.removed })}`, { ...event.removed });
    case "tidied":
      return line(event.type, `removed ${event.bytes} bytes of files that nobody wants`, {
        bytes: event.bytes,
      });
    case "trouble":
      return trouble(event.doing, event.error);
    default:
      return assertNever(event);
  }
}

function finished(event: Extract<QueueEvent, { type: "job.finished" }>): LogLine {
  const { job, status, failureReason } = event;
  const durationMs = Math.round(event.durationMs);
  const why = failureReason === null || failureReason === status ? "" : ` (${failureReason})`;
  const text = `${titleOf(job)}: ${status}${why} after ${(durationMs / 1000).toFixed(1)} s`;
  return line(event.type, text, { ...fieldsOf(job), status, failureReason, durationMs });
}

function trouble(doing: string, error: unknown): LogLine {
  const code = error instanceof CicdError ? error.code : null;
  const message = messageOf(error);
  const text = `could not ${doing}, trying again: ${message}${code === null ? "" : ` [${code}]`}`;
  return warning("trouble", text, { doing, code, message });
}

function stoppedText(left: number): string {
  return left === 0 ? "stopped" : `stopped; ${left} jobs go on and wait for the next worker of this name`;
}

function titleOf({ pipeline, name, runId, attempt }: WatchedAttempt): string {
  return `${pipeline}/${name} (run ${runId}, attempt ${attempt})`;
}

function fieldsOf({ runId, pipeline, jobId, name, attempt }: WatchedAttempt): LogLine["fields"] {
  return { runId, pipeline, jobId, job: name, attempt };
}

function countsOf(counts: Record<string, number>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([name, count]) => `${count} ${name}`).join(", ");
}

function line(event: string, text: string, fields: LogLine["fields"]): LogLine {
  return { level: "info", event, text, fields };
}

function warning(event: string, text: string, fields: LogLine["fields"]): LogLine {
  return { level: "warn", event, text, fields };
}
