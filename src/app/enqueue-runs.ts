import type { PullRequest } from "../plan/repository-event.ts";
import type { RunRecord, RunSource, Trigger } from "../run/records.ts";
import type { Source, SourceRequest } from "../run/workspace.ts";
import type { App, ExecutorKind } from "./app.ts";
import { withDefaultImage } from "./default-image.ts";
import { type FactsOptions, factsOfSource } from "./gather-facts.ts";
import { judgeFile, readOverrides } from "./judge-pipelines.ts";
import { loadFromSource } from "./load-pipelines.ts";
import { includesOf } from "./parse-in-rounds.ts";
import { planFiles } from "./prepare-runs.ts";
import type { LoadedFile, PipelineChoice } from "./run-request.ts";
import { secretNames } from "./secrets.ts";
import { takeByHand } from "./take-by-hand.ts";

export interface EnqueueRequest extends Omit<PipelineChoice, "imageRequired"> {
  /** Opened, with the key of a shared repository; or to be opened here. */
  source: Source | SourceRequest;
  /** A pipeline file that need not be in the tree. Excludes `pipeline`. */
  file?: { name: string; text: string };
  variables: Record<string, string>;
  jobs: string[];
  stage?: string;
  /** Manual jobs that start in their turn. */
  manual?: string[];
  executor: ExecutorKind;
  trigger: Trigger;
  /** As in `RunRecord`: the same one again gives the same runs. */
  delivery: string | null;
}

/** What the user wrote wrongly is data: nothing was stored then. */
export type EnqueuedRuns =
  | { kind: "queued"; runs: RunRecord[]; source: RunSource; warnings: string[] }
  | { kind: "invalid"; files: LoadedFile[] };

/**
 * Records runs for the workers of this database, each after the one before it, and takes the snapshot they run on. Nothing
 * is recorded when one of the files is invalid or a selection leaves nothing. Throws USAGE, CONFIG_NOT_FOUND, NOT_FOUND and
 * NOTHING_TO_DO (`jobs`, `stage`, `on:`), and what opening the source, the snapshot and the store throw.
 */
export async function enqueueRuns(
  app: App,
  request: EnqueueRequest,
  signal: AbortSignal,
): Promise<EnqueuedRuns> {
  readOverrides(request.overrides);
  const source =
    "takeSnapshot" in request.source ? request.source : await openShared(app, request.source, signal);
  const files = await loadFiles(app, source, request, signal);
  if (files.some(({ pipeline }) => pipeline === undefined)) return { kind: "invalid", files };
  const taken = takeByHand(files, request.pipeline !== undefined || request.file !== undefined);
  const { runs, warnings: doubts } = await queueFiles(app, source, taken.files, request, signal);
  const warnings = [...source.warnings, ...doubts, ...(taken.note === undefined ? [] : [taken.note])];
  return { kind: "queued", runs, source: source.source, warnings };
}

export type QueueRequest = Omit<EnqueueRequest, "source" | "file" | "pipeline"> & {
  /** What the runs are of, where it is a pull request. */
  pullRequest?: PullRequest;
} & Pick<FactsOptions, "defaultBranch" | "changed">;

/** Records runs of valid files of an opened source, as `enqueueRuns` does. */
export async function queueFiles(
  app: App,
  source: Source,
  files: LoadedFile[],
  request: QueueRequest,
  signal: AbortSignal,
): Promise<{ runs: RunRecord[]; warnings: string[] }> {
  const facts = await factsOfSource(source, {
    ...request,
    secretNames: (key) => secretNames(app, key),
  });
  const { plans, warnings } = await planFiles(files, request, facts);
  await source.takeSnapshot(signal);
  const store = await app.store();
  signal.throwIfAborted();
  const runs: RunRecord[] = [];
  for (const plan of plans) {
    const run = await store.createRun({
      id: app.newId(),
      pipeline: plan.pipeline,
      source: source.source,
      trigger: request.trigger,
      mode: "queue",
      executor: request.executor,
      owner: null,
      plan,
      overrides: request.overrides,
      delivery: request.delivery,
      after: runs.at(-1)?.id ?? null,
      parent: null,
    });
    runs.push(run);
  }
  return { runs, warnings };
}

/** Recorded under the name that every host knows it by. */
export async function openShared(app: App, request: SourceRequest, signal: AbortSignal): Promise<Source> {
  const sources = await app.sources();
  const repo = await sources.sharedRepo(request.repo, signal);
  const opened = await sources.open(request, signal);
  return { ...opened, source: { ...opened.source, repo } };
}

async function loadFiles(
  app: App,
  source: Source,
  request: EnqueueRequest,
  signal: AbortSignal,
): Promise<LoadedFile[]> {
  const { overrides, pipeline, file } = request;
  const choice = withDefaultImage(app, { overrides, imageRequired: request.executor === "docker" });
  if (file !== undefined)
    return [await judgeFile({ file: file.name, text: file.text }, choice, includesOf(source, request))];
  const chosen = { ...choice, ...(pipeline === undefined ? {} : { pipeline }) };
  return loadFromSource(source, chosen, request, signal);
}
