import type { FollowItem } from "../../app/follow-run.ts";
import type { RunJson } from "../../app/shapes.ts";
import type { Output } from "../output.ts";
import { renderDelay } from "../render/delay.ts";
import { type FinishedJob, renderFinishedJob } from "../render/job-line.ts";
import { renderRunHeader } from "../render/run-header.ts";
import { printable } from "../render/text.ts";
import { printEndOfRun } from "./end-of-run.ts";
import { JobFeed, type JobListener } from "./job-feed.ts";
import type { RunView } from "./run-view.ts";

/** For pipes and files: every log line with `[job] ` before it, jobs as they start and end. Quiet: only the end. */
export class PlainView implements RunView, JobListener {
  private feed: JobFeed;
  private text = "";

  constructor(private readonly output: Output) {
    this.feed = this.newFeed();
  }

  begin(run: RunJson): void {
    this.feed = this.newFeed();
    this.print(renderRunHeader(run, this.output.style.err));
  }

  async take(item: FollowItem): Promise<void> {
    this.feed.take(item);
    await this.write();
  }

  started(job: string, attempt: number): void {
    this.print(
      this.prefix(job) + this.output.style.err.dim(attempt === 1 ? "started" : `attempt ${attempt} started`),
    );
  }

  delayed(job: string, until: number, now: number): void {
    this.print(this.prefix(job) + this.output.style.err.dim(renderDelay(until, now)));
  }

  line(job: string, line: string): void {
    this.print(this.prefix(job) + line);
  }

  requeued(job: string, why: string): void {
    this.print(this.prefix(job) + this.output.style.err.yellow(`runs again (${why})`));
  }

  finished(job: FinishedJob): void {
    this.print(renderFinishedJob(job, this.output.style.err));
  }

  tell(note: string): void {
    void this.output.err(`${note}\n`);
  }

  async leave(): Promise<void> {
    await this.write();
  }

  async end(run: RunJson): Promise<void> {
    await this.write();
    await printEndOfRun(this.output, run, this.feed);
  }

  private newFeed(): JobFeed {
    return new JobFeed(this, this.output.style.err.isColored);
  }

  private prefix(job: string): string {
    return this.output.style.err.cyan(`[${printable(job)}] `);
  }

  private print(line: string): void {
    if (!this.output.quiet) this.text += `${line}\n`;
  }

  private async write(): Promise<void> {
    const { text } = this;
    this.text = "";
    if (text !== "") await this.output.err(text);
  }
}
