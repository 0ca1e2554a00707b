import { CicdError } from "../errors/cicd-error.ts";
import { type JobRecord, TERMINAL_JOB_STATES, TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { RunDetail, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { findAttempt } from "./artifacts.ts";
import { notFound } from "./find-run.ts";

/** `afterEvent`: everything that happens from now on has a higher id. */
export interface ReopenedRun {
  runId: string;
  afterEvent: number;
  jobs: string[];
}

/**
 * Reopens a finished run, or one that waits for a manual job, for a new attempt of what failed, or for the jobs named, of which
 * the manual ones are started; this process owns a local run from now on. Throws NOT_FOUND (no such job),
 * NOTHING_TO_DO (nothing failed), USAGE (the run is still going on), SNAPSHOT_GONE and ARTIFACTS_GONE (the jobs could not
 * run any more); the run is as it was then.
 */
export async function reopenRun(
  app: App,
  detail: RunDetail,
  options: { jobs: string[]; actor: string },
  signal: AbortSignal,
): Promise<ReopenedRun> {
  const { run, jobs } = detail;
  const name = `run #${run.number} of ${run.pipeline}`;
  if (!TERMINAL_RUN_STATUSES.has(run.status) && run.status !== "manual") {
    throw new CicdError("USAGE", `${name} is still ${run.status}`, {
      hint: run.status === "canceling" ? "wait until it has ended" : "cancel it first, or wait for its end",
    });
  }
  const names = jobs.map((job) => job.name);
  for (const job of options.jobs) {
    if (!names.includes(job)) throw notFound(`${name} has no job "${job}"`, job, names, "jobs");
  }
  const manual = jobs.filter((job) => options.jobs.includes(job.name) && job.state === "manual");
  const again = jobs.filter((job) => isToRunAgain(job, options.jobs));
  if (manual.length + again.length === 0) throw nothingToDo(name, options.jobs);
  await checkArtifacts(app, detail, [...again, ...manual]);
  await (await app.sources()).restoreSnapshot(run.source, signal);
  const store = await app.store();
  const afterEvent = await lastEventId(store, run.id);
  const by = { actor: options.actor, owner: run.mode === "local" ? app.identity.owner : null };
  const affected: string[] = [];
  for (const [type, chosen] of [["retry", again] as const, ["play", manual] as const]) {
    if (chosen.length === 0) continue;
    const result = await store.execute(run.id, { type, jobs: chosen.map((job) => job.name), ...by });
    if (result?.kind === "done") affected.push(...result.affectedJobs);
  }
  if (affected.length === 0) throw nothingToDo(name, options.jobs);
  return { runId: run.id, afterEvent, jobs: affected };
}

function isToRunAgain(job: JobRecord, named: string[]): boolean {
  if (named.length === 0) return job.state === "failed" || job.state === "canceled";
  return named.includes(job.name) && TERMINAL_JOB_STATES.has(job.state);
}

/** What the jobs take over from jobs that stay as they are must still be stored. */
export async function checkArtifacts(app: App, detail: RunDetail, chosen: JobRecord[]): Promise<void> {
  const names = chosen.map((job) => job.name);
  for (const { name, index } of chosen) {
    for (const supplier of detail.run.plan.jobs[index]!.artifactsFrom) {
      const layer = names.includes(supplier) ? null : findAttempt(detail, supplier)?.artifactLayer;
      if (layer == null) continue;
      try {
        await (await app.layers()).layerPath(layer);
      } catch (error) {
        if (!(error instanceof CicdError) || error.code !== "NOT_FOUND") throw error;
        const message = `the artifacts of "${supplier}", which "${name}" takes over, are not stored any more`;
        const hint = `run it again too: ${[supplier, ...names].map((job) => `--job ${job}`).join(" ")}`;
        throw new CicdError("ARTIFACTS_GONE", message, { hint, cause: error });
      }
    }
  }
}

function nothingToDo(run: string, named: string[]): CicdError {
  return new CicdError("NOTHING_TO_DO", `nothing in ${run} is to be run again`, {
    hint: named.length === 0 ? "nothing failed; name a job: --job JOB" : "these jobs wait for others",
  });
}

const EVENTS_PER_READ = 1000;

export async function lastEventId(store: Store, runId: string): Promise<number> {
  for (let last = 0; ; ) {
    const events = await store.readEvents(runId, last, EVENTS_PER_READ);
    last = events.at(-1)?.id ?? last;
    if (events.length < EVENTS_PER_READ) return last;
  }
}
