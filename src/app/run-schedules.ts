import { messageOf } from "../errors/cicd-error.ts";
import { nextMoment } from "../pipeline/cron.ts";
import type { EpochMs } from "../run/records.ts";
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
/** For how long a moment is tried again, from its first try, while the repository's host or this one's network is away, say. */
const PATIENCE_MS = 10 * 60_000;
const TIME_LIMIT_MS = 60_000;

/** When a moment of a schedule was first tried in vain, by the database's clock. */
export type FirstFailures = Map<string, EpochMs>;

/**
 * Makes the runs of the schedules that have fallen due, each moment's once, however many servers do so: the run first, then the
 * schedule moves on to its next moment from now. Moments that were missed make one run. A failure is noted in
 * `failures`, which the caller keeps from round to round. Throws what the store throws.
 */
export async function runSchedules(
  app: App,
  failures: FirstFailures,
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<void> {
  const registry = await app.registry();
  const { due, now } = await registry.findDueSchedules();
  const open = new Set(due.map(momentOf));
  for (const moment of failures.keys()) if (!open.has(moment)) failures.delete(moment);
  const tried = await Promise.allSettled(
    due.slice(0, AT_ONCE).map(async (schedule) => {
      const isDone = await tryToRun(app, schedule, { now, failures }, options, signal);
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
  { now, failures }: { now: EpochMs; failures: FirstFailures },
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, repositoryId, pipeline } = schedule;
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
    const moment = momentOf(schedule);
    const first = failures.get(moment) ?? now;
    failures.set(moment, first);
    const isOver = isFinal(error) || now - first > PATIENCE_MS;
    const text = `The schedule of ${pipeline} made no run${isOver ? "" : ", and is tried again"}: ${messageOf(error)}`;
    options.log({ level: isOver ? "error" : "warn", event: "schedule.failed", text, fields });
    return isOver;
  }
}

/** What became of it, as a sentence. */
async function runOnce(
  app: App,
  repository: RepositoryRecord,
  schedule: ScheduleRecord,
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<string> {
  const { pipeline, branch } = schedule;
  const wanted = branch ?? repository.defaultBranch;
  const request = { repo: repository.url, ...(wanted === null ? {} : { branch: wanted }) };
  const opened = await openShared(app, request, signal);
  const source = { ...opened.source, repo: { ...opened.source.repo, name: repository.name } };
  const files = await loadTriggered(app, opened, { ...options, trigger: "schedule" });
  const nameless = (file: LoadedFile) => file.pipeline === undefined && file.name === undefined;
  const file = files.find(({ name }) => name?.value === pipeline) ?? files.find(nameless);
  if (file === undefined) return `the branch ${source.branch} has no pipeline ${pipeline} any more`;
  if (file.pipeline === undefined) return describeInvalid(file);
  const delivery = momentOf(schedule);
  const { defaultBranch } = repository;
  const how = {
    ...{ ...NOTHING_CHOSEN, executor: options.executor, trigger: "schedule" as const },
    ...{ delivery, defaultBranch },
  };
  const { runs } = await queueFiles(app, { ...opened, source }, [file], how, signal);
  return `the schedule of ${pipeline} made run #${runs[0]?.number}`;
}

function momentOf({ id, nextAt }: ScheduleRecord): string {
  return `schedule:${id}:${nextAt}`;
}
