import { CicdError } from "../errors/cicd-error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { asksToSkip, nameEvent, type RepositoryEvent } from "../plan/repository-event.ts";
import { asksForPaths, decideTrigger } from "../plan/triggers.ts";
import type { DeliveryResult, RepositoryRecord } from "../run/registry.ts";
import type { Source, SourceRequest } from "../run/workspace.ts";
import type { App, ExecutorKind } from "./app.ts";
import { cancelOutdated } from "./auto-cancel.ts";
import { findChangedPaths } from "./changed-paths.ts";
import { withDefaultImage } from "./default-image.ts";
import { openShared, queueFiles } from "./enqueue-runs.ts";
import type { FactsOptions } from "./gather-facts.ts";
import { nameOfFile } from "./judge-pipelines.ts";
import { loadFromSource } from "./load-pipelines.ts";
import type { Log } from "./log-line.ts";
import { PIPELINE_DIRECTORY } from "./pipeline-tree.ts";
import type { LoadedFile } from "./run-request.ts";
import { syncSchedules } from "./sync-schedules.ts";

export interface TriggerOptions {
  /** What queued runs are run by. */
  executor: ExecutorKind;
  log: Log;
}

/**
 * Makes the runs that an event of a registered repository asks for, of the files in its commit, and cancels those that they
 * outdate. The same `delivery` again makes no further ones. What cannot be helped by trying again (a commit that is gone, a file
 * with errors) is told in the result; everything else is thrown. `isLate`: newer events of the repository were taken up before;
 * then its runs outdate none, and schedules stay.
 */
export async function triggerRuns(
  app: App,
  repository: RepositoryRecord,
  event: RepositoryEvent,
  { delivery, isLate = false }: { delivery: string; isLate?: boolean },
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  try {
    const source = await openEvent(app, repository, event, signal);
    const pullRequest = event.kind === "pull_request" ? { pullRequest: pullRequestOf(event) } : {};
    const facts = {
      defaultBranch: repository.defaultBranch,
      changed: () => findChangedPaths(app, repository, event, signal),
    };
    const { executor } = options;
    const files = await loadTriggered(app, source, {
      executor,
      trigger: event.kind,
      ...pullRequest,
      ...facts,
    });
    if (!isLate && event.kind === "push" && event.branch === repository.defaultBranch)
      await syncSchedules(app, repository.id, files);
    if (event.kind !== "tag" && asksToSkip(source.source.commitMessage ?? ""))
      return { runs: [], notes: ["the commit's message asks for no run"] };
    if (files.length === 0) return { runs: [], notes: [`there is no pipeline in ${PIPELINE_DIRECTORY}/`] };
    const { chosen, notes } = await chooseFiles(app, repository, event, files, signal);
    if (chosen.length === 0) return { runs: [], notes };
    const request = { ...NOTHING_CHOSEN, executor, trigger: event.kind, delivery };
    const queued = await queueFiles(app, source, chosen, { ...request, ...pullRequest, ...facts }, signal);
    const { runs } = queued;
    notes.push(...queued.warnings);
    const store = await app.store();
    for (const run of isLate ? [] : runs) {
      for (const outdated of await cancelOutdated(store, run))
        notes.push(`canceled run #${outdated.number} of ${outdated.pipeline}: #${run.number} is newer`);
    }
    return { runs: runs.map(({ id, pipeline, number }) => ({ id, pipeline, number })), notes };
  } catch (error) {
    if (!isFinal(error)) throw error;
    return { runs: [], notes: [`${nameEvent(event)}: ${error.message} [${error.code}]`] };
  }
}

export const NOTHING_CHOSEN = { overrides: [], variables: {}, jobs: [] };

/** Trying again would not help. */
const FINAL: ErrorCode[] = [
  "GIT_REF_NOT_FOUND",
  "GIT_URL_REFUSED",
  "USAGE",
  "NOTHING_TO_DO",
  "STORE_FAILED",
  "NEED_LEFT_OUT",
  "NEEDS_CIRCLE",
  "CONFIG_INVALID",
];

export function isFinal(error: unknown): error is CicdError {
  return error instanceof CicdError && FINAL.includes(error.code);
}

/** The pipeline files of an opened commit; none where it has none. */
export async function loadTriggered(app: App, source: Source, options: FactsOptions): Promise<LoadedFile[]> {
  const choice = withDefaultImage(app, { overrides: [], imageRequired: options.executor === "docker" });
  try {
    return await loadFromSource(source, choice, { ...options, variables: {} });
  } catch (error) {
    if (error instanceof CicdError && error.code === "CONFIG_NOT_FOUND") return [];
    throw error;
  }
}

/** The commit of an event, fetched from the registered address and no other. */
async function openEvent(
  app: App,
  { url, name }: RepositoryRecord,
  event: RepositoryEvent,
  signal: AbortSignal,
): Promise<Source> {
  const opened = await openShared(app, { repo: url, ...refOf(event) }, signal);
  const { source } = opened;
  const branch = event.kind === "pull_request" && !event.isFork ? event.sourceBranch : source.branch;
  return { ...opened, source: { ...source, branch, repo: { ...source.repo, name } } };
}

/** A tag may stand for an object of its own: what it leads to is asked for, not what the event names. */
function refOf(event: RepositoryEvent): Omit<SourceRequest, "repo"> {
  switch (event.kind) {
    case "push":
      return { ref: `refs/heads/${event.branch}`, commit: event.commit };
    case "tag":
      return { ref: `refs/tags/${event.tag}` };
    case "pull_request":
      return { ref: event.ref, commit: event.commit };
  }
}

async function chooseFiles(
  app: App,
  repository: RepositoryRecord,
  event: RepositoryEvent,
  files: LoadedFile[],
  signal: AbortSignal,
): Promise<{ chosen: LoadedFile[]; notes: string[] }> {
  const valid = files.flatMap(({ pipeline }) => pipeline ?? []);
  const asks = valid.some((pipeline: Pipeline) => asksForPaths(pipeline.on, event));
  const paths = asks ? await findChangedPaths(app, repository, event, signal) : null;
  const chosen: LoadedFile[] = [];
  const notes: string[] = [];
  for (const file of files) {
    if (file.pipeline === undefined) {
      notes.push(describeInvalid(file));
      continue;
    }
    const { runs, why } = decideTrigger(file.pipeline.on, event, paths);
    if (runs) chosen.push(file);
    else notes.push(`${nameOfFile(file)} does not run: ${why}`);
  }
  return { chosen, notes };
}

export function describeInvalid({ file, diagnostics }: LoadedFile): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const what =
    first === undefined ? "" : `:${first.line}:${first.column}: ${first.message} [${first.code}]${more}`;
  return `${file} is invalid${what === "" ? "" : `, ${file}${what}`}`;
}

function pullRequestOf(event: Extract<RepositoryEvent, { kind: "pull_request" }>) {
  const { number, title, sourceBranch, targetBranch, isFork } = event;
  return { number, title, sourceBranch, targetBranch, isFork };
}
