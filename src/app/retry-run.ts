import { CicdError } from "../errors/cicd-error.ts";
import { TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { RunDetail, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { notFound } from "./find-run.ts";

/** `afterEvent`: everything that happens from now on has a higher id. */
export interface ReopenedRun {
  runId: string;
  afterEvent: number;
  jobs: string[];
}

/**
 * Reopens a finished run for a new attempt of what failed, or of one job, owned by this process from now on. Throws
 * NOT_FOUND (no such job), NOTHING_TO_DO (nothing failed), USAGE (the run is still going on).
 */
export async function reopenRun(
  app: App,
  detail: RunDetail,
  options: { jobs: string[]; actor: string },
): Promise<ReopenedRun> {
  const { run, jobs } = detail;
  const name = `run #${run.number} of ${run.pipeline}`;
  if (!TERMINAL_RUN_STATUSES.has(run.status) && run.status !== "manual") {
    throw new CicdError("USAGE", `${name} is still ${run.status}`, {
      hint: "cancel it first, or wait for its end",
    });
  }
  const names = jobs.map((job) => job.name);
  for (const job of options.jobs) {
    if (!names.includes(job)) throw notFound(`${name} has no job "${job}"`, job, names, "jobs");
  }
  const store = await app.store();
  const afterEvent = await lastEventId(store, run.id);
  const wanted = options.jobs.length === 0 ? "failed" : options.jobs;
  const owner = app.identity.owner;
  const result = await store.execute(run.id, { type: "retry", jobs: wanted, actor: options.actor, owner });
  if (result?.kind === "done") return { runId: run.id, afterEvent, jobs: result.affectedJobs };
  throw new CicdError("NOTHING_TO_DO", `nothing in ${name} is to be run again`, {
    hint:
      wanted === "failed"
        ? "nothing failed; name a job: --job JOB"
        : "a job that never ran cannot be run again",
  });
}

const EVENTS_PER_READ = 1000;

async function lastEventId(store: Store, runId: string): Promise<number> {
  for (let last = 0; ; ) {
    const events = await store.readEvents(runId, last, EVENTS_PER_READ);
    last = events.at(-1)?.id ?? last;
    if (events.length < EVENTS_PER_READ) return last;
  }
}
