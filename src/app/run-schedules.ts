import { messageOf } from "../errors/cicd-error.ts";
import { nextMoment } from "../pipeline/cron.ts";
import type { RepositoryRecord, ScheduleRecord } from "../run/registry.ts";
import type { App } from "./app.ts";
import { openShared, queueFiles } from "./enqueue-runs.ts";
import type { LoadedFile } from "./run-request.ts";
import {
  describeInvalid,
  isFinal,
  loadTriggered,
  NOTHING_CHOSEN,
  type TriggerOptions,
} from "./trigger-runs.ts";

/** How many are dealt with at the same time; the others come with the next round. */
const AT_ONCE = 8;
/** For how long a moment is tried again while the repository's host is away, say. */
const PATIENCE_MS = 10 * 60_000;
const TIME_LIMIT_MS = 60_000;

/**
 * Makes the runs of the schedules that have fallen due, each moment's once, however many servers do so: the run first, then the
 * schedule moves on to its next moment from now. Moments that were missed make one run. Throws what the store throws.
 */
export async function runSchedules(app: App, options: TriggerOptions, signal: AbortSignal): Promise<void> {
  const registry = await app.registry();
  const { due, now } = await registry.findDueSchedules();
  const tried = await Promise.allSettled(
    due.slice(0, AT_ONCE).map(async (schedule) => {
      const isDone = await tryToRun(app, schedule, options, now, signal);
      const next = nextMoment(schedule.cron, schedule.timezone, now);
      if (isDone && next !== undefined) await registry.moveSchedule(schedule.id, schedule.nextAt, next);
    }),
  );
  const failed = tried.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

/** False: it is to be tried again. */
async function tryToRun(
  app: App,
  schedule: ScheduleRecord,
  options: TriggerOptions,
  now: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, repositoryId, pipeline, nextAt } = schedule;
  const fields = { schedule: id, repository: repositoryId, pipeline };
  try {
    const repository = await (await app.registry()).findRepository({ id: repositoryId });
    if (repository === undefined) return true;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
    const text = await runOnce(app, repository, schedule, options, limit);
    options.log({ level: "info", event: "schedule.due", text: `${repository.name}: ${text}`, fields });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const isOver = isFinal(error) || now - nextAt > PATIENCE_MS;
    const text = `The schedule of ${pipeline} made no run${isOver ? "" : ", and is tried again"}: ${messageOf(error)}`;
    options.log({ level: isOver ? "error" : "warn", event: "schedule.failed", text, fields });
    return isOver;
  }
}

/** What became of it, as a sentence. */
async function runOnce(
  app: App,
  repository: RepositoryRecord,
  { id, pipeline, branch, nextAt }: ScheduleRecord,
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<string> {
  const wanted = branch ?? repository.defaultBranch;
  const request = { repo: repository.url, ...(wanted === null ? {} : { branch: wanted }) };
  const opened = await openShared(app, request, signal);
  const source = { ...opened.source, repo: { ...opened.source.repo, name: repository.name } };
  const files = await loadTriggered(opened, options);
  const nameless = (file: LoadedFile) => file.pipeline === undefined && file.name === undefined;
  const file = files.find(({ name }) => name?.value === pipeline) ?? files.find(nameless);
  if (file === undefined) return `the branch ${source.branch} has no pipeline ${pipeline} any more`;
  if (file.pipeline === undefined) return describeInvalid(file);
  const delivery = `schedule:${id}:${nextAt}`;
  const how = { ...NOTHING_CHOSEN, executor: options.executor, trigger: "schedule" as const, delivery };
  const runs = await queueFiles(app, { ...opened, source }, [file], how, signal);
  return `the schedule of ${pipeline} made run #${runs[0]?.number}`;
}
