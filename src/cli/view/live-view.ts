import type { FollowItem } from "../../app/follow-run.ts";
import type { RunJson } from "../../app/shapes.ts";
import type { Output } from "../output.ts";
import { renderDelay } from "../render/delay.ts";
import { type FinishedJob, renderFinishedJob } from "../render/job-line.ts";
import { renderRunHeader } from "../render/run-header.ts";
import { printable } from "../render/text.ts";
import { printEndOfRun } from "./end-of-run.ts";
import { JobFeed, type JobListener } from "./job-feed.ts";
import { type RunningJob, renderLiveBlock } from "./live-block.ts";
import { LiveScreen } from "./live-screen.ts";
import type { RunView } from "./run-view.ts";

const PAINT_EVERY_MS = 100;

/** For terminals: running jobs below, with their time; finished ones (and, verbose, log lines) above them. */
export class LiveView implements RunView, JobListener {
  private readonly screen: LiveScreen;
  private feed: JobFeed;
  /** Of every job of the run its stage. */
  private stages = new Map<string, string>();
  private readonly running = new Map<string, RunningJob>();
  private readonly finishedJobs = new Set<string>();
  private permanent = "";
  private note: string | undefined;
  private diverted: Disposable | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly output: Output) {
    this.screen = new LiveScreen(output);
    this.feed = this.newFeed();
  }

  begin(run: RunJson, done: string[]): void {
    this.stages = new Map(run.stages.flatMap(({ name, jobs }) => jobs.map((job) => [job.name, name])));
    this.feed = this.newFeed();
    this.running.clear();
    this.finishedJobs.clear();
    for (const name of done) this.finishedJobs.add(name);
    this.permanent = `${renderRunHeader(run, this.output.style.err)}\n`;
    this.paint();
    this.diverted ??= this.output.divertNotes((line) => {
      this.permanent += line;
    });
    this.timer ??= setInterval(() => this.paint(), PAINT_EVERY_MS);
  }

  async take(item: FollowItem): Promise<void> {
    this.feed.take(item);
    // A job that prints faster than the terminal shows is slowed down to it.
    if (this.permanent.length > 64 * 1024) {
      this.paint();
      await this.output.flush();
    }
  }

  started(job: string): void {
    const stage = this.stages.get(job) ?? "";
    this.running.set(job, { name: job, stage, startedAt: performance.now(), lastLine: "" });
  }

  delayed(job: string, until: number, now: number): void {
    const { dim } = this.output.style.err;
    this.permanent += `${dim("·")} ${printable(job)} ${dim(renderDelay(until, now))}\n`;
  }

  line(job: string, line: string): void {
    const running = this.running.get(job);
    if (running !== undefined && line.trim() !== "") running.lastLine = line.slice(0, 500);
    if (this.output.verbose)
      this.permanent += `${this.output.style.err.cyan(`[${printable(job)}]`)} ${line}\n`;
  }

  requeued(job: string, why: string): void {
    this.running.delete(job);
    const { yellow } = this.output.style.err;
    this.permanent += `${yellow("↻")} ${printable(job)} ${yellow(`runs again (${why})`)}\n`;
  }

  finished(job: FinishedJob): void {
    this.running.delete(job.name);
    this.finishedJobs.add(job.name);
    this.permanent += `${renderFinishedJob(job, this.output.style.err)}\n`;
  }

  tell(note: string): void {
    this.note = note;
    this.paint();
  }

  async leave(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    this.diverted?.[Symbol.dispose]();
    this.diverted = undefined;
    this.screen.paint(`${this.permanent}\n`, []);
    this.permanent = "";
    await this.output.flush();
  }

  async end(run: RunJson): Promise<void> {
    await this.leave();
    await printEndOfRun(this.output, run, this.feed);
  }

  private newFeed(): JobFeed {
    return new JobFeed(this, this.output.style.err.isColored);
  }

  private paint(): void {
    const { permanent } = this;
    this.permanent = "";
    const state = {
      running: [...this.running.values()],
      total: this.stages.size,
      finished: this.finishedJobs.size,
      note: this.note,
    };
    this.screen.paint(
      permanent,
      renderLiveBlock(state, this.output.size, performance.now(), this.output.style.err),
    );
  }
}
