import { createHash } from "node:crypto";
import { messageOf } from "../errors/cicd-error.ts";
import type { Cache } from "../pipeline/pipeline.ts";
import { expandReferences } from "../plan/expand.ts";
import type { PlannedJob } from "../plan/plan.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import type { Execution, ExecutionResult, FileSelection } from "./executor.ts";
import type { FailureReason, RunRecord } from "./records.ts";
import { selectionOf } from "./untracked-files.ts";
import type { CacheScope, CacheStore, LayerPath, StoredCache } from "./workspace.ts";

const DEFAULT_KEY = "default";
/** Looked under last, as in GitLab. */
const FALLBACK_VARIABLE = "CACHE_FALLBACK_KEY";
/** After these there is no workspace worth keeping. */
const NOT_SAVED: ReadonlySet<FailureReason> = new Set([
  "job_timeout",
  "image_pull_failure",
  "image_without_shell",
]);

/**
 * The job's caches without references to variables, each with its key as a text; those whose policy is none are told of in the
 * log and left out. Throws as `LayerStore.snapshotPath`.
 */
export async function resolveCaches(
  context: AttemptContext,
  { run, planned, log }: Attempt,
  environment: Record<string, string>,
): Promise<Cache[]> {
  const resolve = (text: string) => expandReferences(text, (name) => environment[name]);
  const resolveKey = (text: string) => expandReferences(text, (name) => environment[name] ?? "");
  const resolved: Cache[] = [];
  for (const cache of planned.caches) {
    const policy = resolve(cache.policy);
    const key = await keyOf(context, run, cache, resolveKey);
    if (!/^(pull-push|pull|push)$/.test(policy)) {
      await log.note(`warning: ${named(key)} is not used: its policy is ${JSON.stringify(policy)}`);
      continue;
    }
    const fallbackKeys = [...cache.fallbackKeys.map(resolveKey), environment[FALLBACK_VARIABLE] ?? ""];
    resolved.push({
      ...cache,
      key: { kind: "text", text: key },
      paths: cache.paths.map(resolve),
      policy,
      fallbackKeys: fallbackKeys.filter((fallback) => fallback !== ""),
    });
  }
  return resolved;
}

async function keyOf(
  { layers }: AttemptContext,
  run: RunRecord,
  { key }: Cache,
  resolve: (text: string) => string,
): Promise<string> {
  if (key.kind === "text") return resolve(key.text) || DEFAULT_KEY;
  const hash = await layers.caches.hashFiles(run.source.tree, key.files.map(resolve));
  const prefix = resolve(key.prefix ?? "");
  return [...(prefix === "" ? [] : [prefix]), hash ?? DEFAULT_KEY].join("-");
}

/** The layers of those that are there, lowest first; the log says which. Throws the signal's reason. */
export async function restoreCaches(
  { layers }: AttemptContext,
  { run, log, restored: given }: Attempt,
  caches: Cache[],
  signal: AbortSignal,
): Promise<LayerPath[]> {
  const restored: LayerPath[] = [];
  for (const cache of caches) {
    if (cache.policy === "push") continue;
    const key = textOf(cache);
    const warnings: string[] = [];
    const keys = [...new Set([key, ...cache.fallbackKeys])];
    const found = await layers.caches.find(scopeOf(run), keys, (line) => warnings.push(line), signal);
    for (const warning of warnings) await log.note(`warning: ${warning}`);
    if (found === undefined) await log.note(`${named(key)}: nothing is stored`);
    else {
      const instead = found.key === key ? "" : `${named(key)}: nothing is stored; `;
      await log.note(`${instead}${named(found.key)} restored (${sizeText(found.sizeBytes)})`);
      restored.push(found.path);
      if (found.key === key) given.set(key, found);
    }
  }
  return restored;
}

/**
 * Keeps what an ended job is to leave for later runs. What keeps it from being kept is told in the log. Throws the signal's
 * reason, and what writing to the log throws.
 */
export async function saveCaches(
  context: AttemptContext,
  { caches }: Pick<PlannedJob, "caches">,
  attempt: Attempt,
  execution: Execution,
  result: ExecutionResult,
  signal: AbortSignal,
): Promise<void> {
  for (const cache of caches) {
    if (!isSaved(cache, result)) continue;
    attempt.phases.enter("artifacts");
    for (const line of await saveCache(context, cache, attempt, execution, signal))
      await attempt.log.note(line);
  }
}

function isSaved({ policy, when }: Cache, { status, failureReason }: ExecutionResult): boolean {
  if (policy === "pull" || status === "canceled") return false;
  if (failureReason !== null && NOT_SAVED.has(failureReason)) return false;
  return when === "always" || (when === "on_success") === (status === "success");
}

/** Returns what is to be said of it. What was restored and is as it was is not read again. */
async function saveCache(
  context: AttemptContext,
  cache: Cache,
  { run, restored }: Attempt,
  execution: Execution,
  signal: AbortSignal,
): Promise<string[]> {
  const key = textOf(cache);
  const { caches } = context.layers;
  try {
    const { paths, untracked } = cache;
    const wanted = await selectionOf(context.layers, run.source.tree, { paths, exclude: [], untracked });
    const selection = selectionName(cache);
    const found = restored.get(key);
    const isKnown = found?.selection === selection && (await isUntouched(execution, found.path, wanted));
    const { lines, stored } = isKnown
      ? { lines: [], stored: found }
      : await collect(caches, key, execution, wanted, signal);
    if (stored === null) return [...lines, `${named(key)} is not saved: it would be empty`];
    const { layer, sizeBytes } = stored;
    const was = await caches.keep(scopeOf(run), key, { layer, sizeBytes, selection });
    return [
      ...lines,
      was === "kept" ? `${named(key)} saved (${sizeText(sizeBytes)})` : `${named(key)} is unchanged`,
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [`warning: ${named(key)} is not saved: ${messageOf(error)}`];
  }
}

/** Where that cannot be told, everything is read. */
async function isUntouched(execution: Execution, layer: LayerPath, wanted: FileSelection): Promise<boolean> {
  const answer = execution.isUntouched?.(layer, wanted).catch(() => false);
  return (await answer) ?? false;
}

/** Puts what is there now into a layer; null: there is nothing. */
async function collect(
  caches: CacheStore,
  key: string,
  execution: Execution,
  wanted: FileSelection,
  signal: AbortSignal,
): Promise<{ lines: string[]; stored: Omit<StoredCache, "selection"> | null }> {
  await using sink = await caches.openSink();
  const { unmatched } = await execution.collect(wanted, sink, signal);
  const { layer, artifacts, leftOut } = await sink.commit();
  const lines = [
    ...unmatched.map((pattern) => `warning: ${named(key)}: nothing matches ${JSON.stringify(pattern)}`),
    ...leftOut.entries.map(({ path, why }) => `warning: ${named(key)}: ${JSON.stringify(path)}: ${why}`),
  ];
  const sizeBytes = artifacts.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { lines, stored: layer === null ? null : { layer, sizeBytes } };
}

/** A hash: a job may put anything into its paths. */
function selectionName({ paths, untracked }: Cache): string {
  return createHash("sha256")
    .update(JSON.stringify([paths, untracked]))
    .digest("hex")
    .slice(0, 24);
}

/** What a fork's pull request runs need not be trusted: nothing of it reaches other runs, and it is given nothing of theirs. */
function scopeOf({ source, plan: { pullRequest } }: RunRecord): CacheScope {
  const trust = pullRequest?.isFork === true ? (`pr-${pullRequest.number}` as const) : "trusted";
  return { repoKey: source.repo.key, trust };
}

function textOf({ key }: Cache): string {
  return key.kind === "text" ? key.text : "";
}

function named(key: string): string {
  return `cache ${JSON.stringify(key)}`;
}

/** In units of a thousand: `184 MB`. */
function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
