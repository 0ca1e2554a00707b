import type { App } from "../app/app.ts";
import type { QueueEvent } from "../app/queue-event.ts";
import { type QueueFigures, QueueWatch } from "../app/queue-figures.ts";
import type { JobState, RunStatus } from "../run/records.ts";
import { Histogram, RequestFigures } from "./request-figures.ts";

const JOB_BOUNDS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];
const JOB_STATES: JobState[] = ["created", "manual", "pending", "assigned", "running", "canceling"];
const RUN_STATUSES: RunStatus[] = ["pending", "running", "canceling", "manual"];
const WORKER_STATES = ["active", "draining", "stopped"] as const;
/** Not seen for so long, a worker counts as gone, whatever it said last. */
const WORKER_SILENT_MS = 60_000;

/**
 * What `/metrics` tells, in the text format of Prometheus. What the database knows (queue, runs, workers) every server of it
 * tells alike; requests and what this process's loops did are its own.
 */
export class Metrics {
  readonly requests = new RequestFigures();
  private readonly watch: QueueWatch;
  private readonly jobDurations = new Map<string, Histogram>();
  private readonly finishedRuns = new Map<string, number>();
  private readonly loopEvents = new Map<string, number>();
  private looking: Promise<unknown> = Promise.resolve();

  constructor(private readonly app: App) {
    this.watch = new QueueWatch(app);
  }

  /** Of the worker, reaper and sweeper of this process. */
  observe(event: QueueEvent): void {
    this.count(event.type);
  }

  /** Something that a loop of this process did, by the name of its log line: `schedule.due` and the like. */
  count(event: string): void {
    this.loopEvents.set(event, (this.loopEvents.get(event) ?? 0) + 1);
  }

  /** `open`: streams and uploads that are served now. */
  async render(open: { streams: number; uploads: number }): Promise<string> {
    const looking = this.looking.then(() => this.watch.look());
    this.looking = looking.catch(() => {});
    const figures = await looking;
    this.take(figures);
    const lines = [
      ...this.renderQueue(figures),
      ...this.renderWorkers(figures),
      ...this.requests.render(),
      "# TYPE cicd_http_streams_open gauge",
      `cicd_http_streams_open ${open.streams}`,
      "# TYPE cicd_http_uploads_open gauge",
      `cicd_http_uploads_open ${open.uploads}`,
      "# TYPE cicd_loop_events_total counter",
      ...[...this.loopEvents].map(([event, count]) => `cicd_loop_events_total{event="${event}"} ${count}`),
    ];
    return `${lines.join("\n")}\n`;
  }

  private take({ finishedAttempts, finishedRuns }: QueueFigures): void {
    for (const { outcome, durationMs } of finishedAttempts) {
      const histogram = this.jobDurations.get(outcome) ?? new Histogram(JOB_BOUNDS);
      this.jobDurations.set(outcome, histogram);
      histogram.add(durationMs / 1000);
    }
    for (const status of finishedRuns) {
      this.finishedRuns.set(status, (this.finishedRuns.get(status) ?? 0) + 1);
    }
  }

  private renderQueue({ jobs, runs }: QueueFigures): string[] {
    return [
      "# TYPE cicd_queue_jobs gauge",
      ...JOB_STATES.map((state) => `cicd_queue_jobs{state="${state}"} ${jobs.get(state) ?? 0}`),
      "# TYPE cicd_queue_runs gauge",
      ...RUN_STATUSES.map((status) => `cicd_queue_runs{status="${status}"} ${runs.get(status) ?? 0}`),
      "# TYPE cicd_runs_finished_total counter",
      ...[...this.finishedRuns].map(
        ([status, count]) => `cicd_runs_finished_total{status="${status}"} ${count}`,
      ),
      "# TYPE cicd_job_duration_seconds histogram",
      ...[...this.jobDurations].flatMap(([outcome, histogram]) =>
        histogram.render("cicd_job_duration_seconds", `outcome="${outcome}"`),
      ),
    ];
  }

  private renderWorkers({ workers }: QueueFigures): string[] {
    const now = this.app.now();
    const live = workers.filter(
      ({ state, seenAt }) => state !== "stopped" && now - seenAt < WORKER_SILENT_MS,
    );
    const stateOf = (worker: QueueFigures["workers"][number]) =>
      live.includes(worker) ? worker.state : "stopped";
    return [
      "# TYPE cicd_workers gauge",
      ...WORKER_STATES.map(
        (state) => `cicd_workers{state="${state}"} ${workers.filter((one) => stateOf(one) === state).length}`,
      ),
      "# TYPE cicd_worker_slots gauge",
      ...live.map(({ name, slots }) => `cicd_worker_slots{worker="${escapeLabel(name)}"} ${slots}`),
      "# TYPE cicd_worker_active_jobs gauge",
      ...live.map(
        ({ name, activeJobs }) => `cicd_worker_active_jobs{worker="${escapeLabel(name)}"} ${activeJobs}`,
      ),
    ];
  }
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`));
}
