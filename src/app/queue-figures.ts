import type { JobState, RunRecord, RunStatus } from "../run/records.ts";
import type { WorkerRecord } from "../run/registry.ts";
import type { RunDetail, Store } from "../run/store.ts";
import type { App } from "./app.ts";

/** How the queue stands. `finished`: attempts and runs that have ended since the last look of the same `QueueWatch`. */
export interface QueueFigures {
  /** Jobs of unfinished queue runs. */
  jobs: Map<JobState, number>;
  /** Unfinished queue runs. */
  runs: Map<RunStatus, number>;
  workers: WorkerRecord[];
  finishedAttempts: { outcome: "success" | "failed" | "canceled"; durationMs: number }[];
  finishedRuns: RunStatus[];
}

const UNFINISHED: RunStatus[] = ["pending", "running", "canceling", "manual"];
/** More runs than these that began and ended between two looks are not counted. */
const MAX_NEW_RUNS = 1_000;

/**
 * Looks at the queue again and again; what has ended in between is told once, however many looks it took. What had ended
 * before the first look is not told.
 */
export class QueueWatch {
  private known: Set<string> | undefined;
  private readonly told = new Map<string, Set<string>>();
  private lastLookAt = 0;

  constructor(private readonly app: App) {}

  async look(): Promise<QueueFigures> {
    const store = await this.app.store();
    const registry = await this.app.registry();
    const [unfinished, workers] = await Promise.all([
      store.findRunDetails({ mode: "queue", statuses: UNFINISHED }),
      registry.listWorkers(),
    ]);
    const figures: QueueFigures = {
      jobs: countBy(unfinished.flatMap(({ jobs }) => jobs.map(({ state }) => state))),
      runs: countBy(unfinished.map(({ run }) => run.status)),
      workers,
      finishedAttempts: [],
      finishedRuns: [],
    };
    const ended = await this.findEnded(store, unfinished);
    for (const detail of [...unfinished, ...ended]) this.tellAttempts(detail, figures);
    if (this.known !== undefined) for (const { run } of ended) figures.finishedRuns.push(run.status);
    for (const { run } of ended) this.told.delete(run.id);
    this.known = new Set(unfinished.map(({ run }) => run.id));
    this.lastLookAt = Math.max(this.lastLookAt, ...[...unfinished, ...ended].map(({ run }) => run.createdAt));
    return figures;
  }

  /** Runs that were unfinished at the last look and are no more, and those that have come and gone since. */
  private async findEnded(store: Store, unfinished: RunDetail[]): Promise<RunDetail[]> {
    const active = new Set(unfinished.map(({ run }) => run.id));
    const isFirst = this.known === undefined;
    const newest = await store.findRuns({ mode: "queue", limit: isFirst ? 1 : MAX_NEW_RUNS });
    if (isFirst) this.lastLookAt = newest[0]?.createdAt ?? 0;
    const isNew = (run: RunRecord) => !isFirst && run.createdAt > this.lastLookAt;
    const ids = new Set([...(this.known ?? []), ...newest.filter(isNew).map(({ id }) => id)]);
    const ended = [...ids].filter((id) => !active.has(id));
    const details = await Promise.all(ended.map((id) => store.readRun(id)));
    return details.filter((detail) => detail !== undefined);
  }

  private tellAttempts({ run, attempts }: RunDetail, figures: QueueFigures): void {
    const told = this.told.get(run.id) ?? new Set();
    this.told.set(run.id, told);
    for (const { jobId, number, outcome, startedAt, finishedAt } of attempts) {
      if (outcome === null || finishedAt === null || told.has(`${jobId}#${number}`)) continue;
      told.add(`${jobId}#${number}`);
      if (this.known === undefined || startedAt === null) continue;
      figures.finishedAttempts.push({ outcome, durationMs: finishedAt - startedAt });
    }
  }
}

function countBy<T>(values: T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
