import {
  type AttemptRecord,
  type EpochMs,
  type RunRecord,
  type RunStatus,
  TERMINAL_RUN_STATUSES,
} from "../run/records.ts";
import type { RunDetail, RunFilter, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { layersOf } from "./artifacts.ts";
import { isExpired } from "./expiry.ts";
import { type RunSummaryJson, toRunSummaryJson } from "./shapes.ts";
import type { CollectedGarbage, KeptArtifacts } from "./upkeep.ts";

/** No run goes. */
export const KEEP_ALL: Retention = {
  keepLast: Number.POSITIVE_INFINITY,
  olderThanMs: Number.POSITIVE_INFINITY,
};

/** A run goes when it is both: not among the newest `keepLast` of its pipeline, and finished `olderThanMs` ago. */
export interface Retention {
  keepLast: number;
  olderThanMs: number;
}

export interface GarbageReport {
  runs: RunSummaryJson[];
  /** Attempts whose artifacts had expired (`expire_in`) and went with this. */
  expired: number;
  files: Omit<CollectedGarbage, "layerNames">;
}

/** Clones, and snapshots of runs that are gone, are caches: they go when nobody has used them for so long. */
const CACHE_MS = 24 * 60 * 60 * 1000;
const PAGE = 200;
const FINISHED: RunStatus[] = [...TERMINAL_RUN_STATUSES];

/**
 * Removes every file that no kept run names and nobody used lately, then the runs that retention lets go: on a full disk
 * removing files needs no space, and makes some for the database. With `dryRun` it
 * only says what it would do. The executors' leftovers are `recover`'s business.
 */
export async function collectGarbage(
  app: App,
  retention: Retention,
  options: { dryRun: boolean },
  signal: AbortSignal,
): Promise<GarbageReport> {
  const store = await app.store();
  const now = app.now();
  const old = retention === KEEP_ALL ? [] : await findOldRuns(store, retention, now);
  const gone = new Set(old.map((run) => run.id));
  const { artifacts, expired } = await findKeptArtifacts(store, gone, now);
  const cache = { olderThanMs: CACHE_MS, ...options };
  const { layerNames, ...files } = await app.upkeep.collectGarbage(artifacts, cache, signal);
  const removed = new Set(layerNames);
  if (!options.dryRun && old.length > 0) await store.deleteRuns(old.map((run) => run.id));
  return {
    runs: old.map((run) => toRunSummaryJson(run, now)),
    expired: expired.filter((attempt) => layersOf(attempt).some((layer) => removed.has(layer))).length,
    files,
  };
}

async function findOldRuns(store: Store, retention: Retention, now: EpochMs): Promise<RunRecord[]> {
  const newestFirst = await store.findRuns({ statuses: FINISHED });
  const seen = new Map<string, number>();
  return newestFirst.filter((run) => {
    const pipeline = `${run.source.repo.key}\n${run.pipeline}`;
    const rank = (seen.get(pipeline) ?? 0) + 1;
    seen.set(pipeline, rank);
    return rank > retention.keepLast && (run.finishedAt ?? now) < now - retention.olderThanMs;
  });
}

/** What runs that are not `gone` still name: their snapshots, since any may be retried, and artifacts until they expire. */
async function findKeptArtifacts(
  store: Store,
  gone: Set<string>,
  now: EpochMs,
): Promise<{ artifacts: KeptArtifacts; expired: AttemptRecord[] }> {
  const artifacts = { trees: new Set<string>(), layers: new Set<string>(), blobs: new Set<string>() };
  const expired: AttemptRecord[] = [];
  for await (const detail of allRuns(store)) {
    if (gone.has(detail.run.id)) continue;
    const { run, attempts, artifacts: files } = detail;
    artifacts.trees.add(run.source.tree);
    const live = new Set<string>();
    for (const attempt of attempts) {
      const layers = layersOf(attempt);
      if (layers.length === 0) continue;
      if (isExpired(detail, attempt, now)) expired.push(attempt);
      else {
        for (const layer of layers) artifacts.layers.add(layer);
        live.add(`${attempt.jobId} ${attempt.number}`);
      }
    }
    for (const { jobId, attempt, sha256 } of files) {
      if (live.has(`${jobId} ${attempt}`)) artifacts.blobs.add(sha256);
    }
  }
  return { artifacts, expired };
}

/** Newest first, a page at a time: a server's history does not fit into memory. */
async function* allRuns(store: Store): AsyncGenerator<RunDetail> {
  for (let behind: RunFilter["behind"]; ; ) {
    const page = await store.findRunDetails({ limit: PAGE, ...(behind === undefined ? {} : { behind }) });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    behind = { createdAt: last.run.createdAt, id: last.run.id };
  }
}
