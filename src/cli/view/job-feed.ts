import type { FollowItem } from "../../app/follow-run.ts";
import type { FailureReason, RunEvent } from "../../run/records.ts";
import type { FinishedJob } from "../render/job-line.ts";
import { LastLines } from "../render/last-lines.ts";
import { LogLines } from "../render/log-lines.ts";

/** What a view hears of the jobs of one run. */
export interface JobListener {
  started(job: string, attempt: number): void;
  line(job: string, line: string): void;
  /** It waits for its moment; both in milliseconds since 1970. */
  delayed(job: string, until: number, now: number): void;
  /** Another attempt will follow. */
  requeued(job: string, why: string): void;
  finished(job: FinishedJob): void;
}

/** Turns what happens to a run into whole lines and finished jobs; remembers each job's last lines and its message. */
export class JobFeed {
  readonly lastLines = new LastLines();
  readonly messages = new Map<string, string>();
  private readonly logs = new Map<string, LogLines>();

  constructor(
    private readonly listener: JobListener,
    private readonly isColored: boolean,
  ) {}

  take(item: FollowItem): void {
    if (item.kind === "event") this.takeEvent(item.event);
    else for (const line of this.logOf(item.job).push(item.bytes)) this.emitLine(item.job, line);
  }

  private takeEvent(event: RunEvent): void {
    const { type, job, attempt, data } = event;
    if (job === null) return;
    if (type === "job.started") {
      this.lastLines.forget(job);
      this.messages.delete(job);
      this.listener.started(job, attempt ?? 1);
    } else if (type === "job.pending" && typeof data.notBefore === "number") {
      this.listener.delayed(job, data.notBefore, event.at);
    } else if (type === "job.requeued") {
      this.endLog(job);
      this.listener.requeued(job, String(data.failureReason ?? data.cause ?? "").replaceAll("_", " "));
    } else if (type === "job.finished") {
      this.endLog(job);
      const finished = toFinishedJob(job, data);
      if (finished.message !== null) this.messages.set(job, finished.message);
      this.listener.finished(finished);
    }
  }

  private logOf(job: string): LogLines {
    const log = this.logs.get(job) ?? new LogLines(this.isColored);
    this.logs.set(job, log);
    return log;
  }

  private endLog(job: string): void {
    for (const line of this.logs.get(job)?.end() ?? []) this.emitLine(job, line);
    this.logs.delete(job);
  }

  private emitLine(job: string, line: string): void {
    this.lastLines.add(job, line);
    this.listener.line(job, line);
  }
}

/** `data` of a `job.finished` event (`src/run/transitions.ts`). */
function toFinishedJob(name: string, data: Record<string, unknown>): FinishedJob {
  return {
    name,
    status: String(data.status),
    allowed: data.allowed === true,
    exitCode: typeof data.exitCode === "number" ? data.exitCode : null,
    failureReason: typeof data.failureReason === "string" ? (data.failureReason as FailureReason) : null,
    message: typeof data.message === "string" ? data.message : null,
    durationMs: typeof data.durationMs === "number" ? data.durationMs : null,
  };
}
