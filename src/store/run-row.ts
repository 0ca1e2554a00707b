import type { EpochMs, Owner, RunRecord, RunSource, RunStatus } from "../run/records.ts";
import type { StoredPlan } from "./stored-plan.ts";

/** What `RUN_COLUMNS` yield. `dirty`, `owner` and `overrides` are JSON text. */
export interface RunRow {
  id: string;
  number: number;
  pipeline: string;
  repoKey: string;
  repoName: string;
  branch: string | null;
  tag: string | null;
  commit: string | null;
  commitMessage: string | null;
  tree: string;
  dirty: string | null;
  trigger: RunRecord["trigger"];
  mode: RunRecord["mode"];
  executor: RunRecord["executor"];
  owner: string | null;
  planHash: string;
  overrides: string;
  delivery: string | null;
  after: string | null;
  parentRun: string | null;
  parentJob: string | null;
  status: RunStatus;
  warnings: number | boolean;
  cancelRequestedAt: EpochMs | null;
  stopRequestedAt: EpochMs | null;
  createdAt: EpochMs;
  startedAt: EpochMs | null;
  finishedAt: EpochMs | null;
  busyMs: number;
  busySince: EpochMs | null;
  version: number;
}

/** The record of a row. Its plan is parsed when first looked at: reports over many runs need few of them. */
export function runRecord(row: RunRow, stored: StoredPlan): RunRecord {
  return {
    id: row.id,
    number: row.number,
    pipeline: row.pipeline,
    source: sourceOf(row),
    trigger: row.trigger,
    mode: row.mode,
    executor: row.executor,
    owner: row.owner === null ? null : (JSON.parse(row.owner) as Owner),
    get plan() {
      return stored.plan;
    },
    overrides: row.overrides === "[]" ? [] : (JSON.parse(row.overrides) as string[]),
    delivery: row.delivery,
    after: row.after,
    parent: row.parentRun === null ? null : { runId: row.parentRun, jobId: row.parentJob! },
    status: row.status,
    warnings: Boolean(row.warnings),
    cancelRequestedAt: row.cancelRequestedAt,
    stopRequestedAt: row.stopRequestedAt,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    busyMs: row.busyMs,
    busySince: row.busySince,
  };
}

function sourceOf(row: RunRow): RunSource {
  return {
    repo: { key: row.repoKey, name: row.repoName },
    branch: row.branch,
    tag: row.tag,
    commit: row.commit,
    commitMessage: row.commitMessage,
    tree: row.tree,
    dirty: row.dirty === null ? null : (JSON.parse(row.dirty) as RunSource["dirty"]),
  };
}
