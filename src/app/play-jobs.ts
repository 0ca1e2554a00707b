import { CicdError } from "../errors/cicd-error.ts";
import { isPutOff } from "../run/job-moves.ts";
import type { JobRecord } from "../run/records.ts";
import { isSameProcess } from "../run/same-process.ts";
import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";
import { notFound } from "./find-run.ts";
import { checkArtifacts, lastEventId, type ReopenedRun } from "./retry-run.ts";

/** `isOurs`: this process has to drive the run. */
export interface PlayedRun extends ReopenedRun {
  isOurs: boolean;
}

/**
 * Starts manual jobs, and delayed ones at once, in a run in whatever state. `jobs`: names of jobs, or of jobs of the file, of which all
 * instances are meant. A local run that nobody drives belongs to this process from now on, any other stays whose it is. Throws
 * NOT_FOUND (no such job), NOTHING_TO_DO (one of them does not wait to be started), SNAPSHOT_GONE and ARTIFACTS_GONE; the run is as
 * it was then.
 */
export async function playJobs(
  app: App,
  detail: RunDetail,
  options: { jobs: string[]; actor: string },
  signal: AbortSignal,
): Promise<PlayedRun> {
  const { run } = detail;
  const chosen = options.jobs.flatMap((name) => findPlayable(detail, name, app.now()));
  await checkArtifacts(app, detail, chosen);
  await (await app.sources()).restoreSnapshot(run.source, signal);
  const store = await app.store();
  const afterEvent = await lastEventId(store, run.id);
  const jobs = [...new Set(chosen.map(({ name }) => name))];
  const owner = run.mode === "local" ? app.identity.owner : null;
  const result = await store.execute(run.id, { type: "play", jobs, actor: options.actor, owner });
  if (result?.kind !== "done") throw nothingToStart(detail, options.jobs[0]!);
  const now = owner === null ? undefined : await store.readRunRecord(run.id);
  const isOurs = owner !== null && now !== undefined && isSameProcess(now.owner, owner);
  return { runId: run.id, afterEvent, jobs: result.affectedJobs, isOurs };
}

function findPlayable(detail: RunDetail, name: string, now: number): JobRecord[] {
  const { run, jobs } = detail;
  const isMeant = (job: JobRecord) => job.name === name || run.plan.jobs[job.index]!.origin === name;
  const meant = jobs.filter(isMeant);
  if (meant.length === 0) {
    const names = jobs.map((job) => job.name);
    throw notFound(`run #${run.number} of ${run.pipeline} has no job "${name}"`, name, names, "jobs");
  }
  const playable = meant.filter((job) => job.state === "manual" || isPutOff(job, now));
  if (playable.length === 0) throw nothingToStart(detail, name);
  return playable;
}

function nothingToStart({ run, jobs }: RunDetail, name: string): CicdError {
  const job = jobs.find((each) => each.name === name);
  const state = job === undefined ? "" : `: it is ${job.state === "assigned" ? "pending" : job.state}`;
  const message = `"${name}" in run #${run.number} of ${run.pipeline} does not wait to be started${state}`;
  const waiting = jobs.filter((each) => each.state === "manual").map((each) => each.name);
  const hint =
    waiting.length > 0
      ? `these do: ${waiting.join(", ")}`
      : "cicd retry --job JOB runs a job again that has ended";
  return new CicdError("NOTHING_TO_DO", message, { hint });
}
