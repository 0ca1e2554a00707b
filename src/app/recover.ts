import { CicdError } from "../errors/cicd-error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import type { SweepResult } from "../run/executor.ts";
import type { RunRecord, RunStatus } from "../run/records.ts";
import type { Store } from "../run/store.ts";
import { type App, type ExecutorKind, workerName } from "./app.ts";
import { isAttemptLive } from "./live-attempt.ts";

export interface RecoveryReport {
  /** Runs whose process had died: they are ended now. */
  ended: RunRecord[];
  /** What was removed from the executors; null where nothing called for a sweep. */
  swept: { containers: number; volumes: number; networks: number; directories: number } | null;
}

const UNFINISHED: RunStatus[] = ["pending", "running", "canceling", "manual"];
const UNWRITABLE: ErrorCode[] = ["DISK_FULL", "PERMISSION_DENIED"];

/**
 * Ends the local runs of processes that are gone: what ran is failed as `worker_lost` (or canceled, where that was asked
 * for), the rest is canceled, what had finished stays as it is. Then, when a run was ended or `sweep` asks for it, removes
 * what dead attempts of this instance left in the executors. Cheap when there is nothing to do: one query. Of a database that
 * can only be read nothing is ended. Unless `sweep` asks for it, an engine that is away is left for another time, and a disk
 * that cannot be written to (full, say) is warned about: runs can still be looked at.
 */
export async function recover(
  app: App,
  options: { sweep: boolean; executors: ExecutorKind[] },
): Promise<RecoveryReport> {
  const store = await app.store();
  if (options.sweep) return endAndSweep(app, store, options);
  if (store.isReadOnly) return { ended: [], swept: null };
  try {
    return await endAndSweep(app, store, options);
  } catch (error) {
    if (!(error instanceof CicdError) || !UNWRITABLE.includes(error.code)) throw error;
    app.warn(`Runs whose process died still look unfinished: ${error.message} [${error.code}]`);
    return { ended: [], swept: null };
  }
}

async function endAndSweep(
  app: App,
  store: Store,
  options: { sweep: boolean; executors: ExecutorKind[] },
): Promise<RecoveryReport> {
  const active = await store.findRuns({ statuses: UNFINISHED, mode: "local" });
  const orphans = active.filter(
    ({ owner, status }) => status !== "manual" && owner !== null && !app.isOwnerAlive(owner),
  );
  for (const run of orphans) await endOrphan(store, run);
  const kinds = new Set<ExecutorKind>(orphans.map(({ executor }) => executor as ExecutorKind));
  if (options.sweep) for (const kind of options.executors) kinds.add(kind);
  if (kinds.size === 0) return { ended: orphans, swept: null };
  const swept = { containers: 0, volumes: 0, networks: 0, directories: 0 };
  for (const kind of kinds) {
    const isAsked = options.sweep && options.executors.includes(kind);
    const result = await sweep(app, store, kind).catch((error: unknown) => {
      if (isAsked || !(error instanceof CicdError) || !error.code.startsWith("DOCKER_")) throw error;
      if (error.code !== "DOCKER_UNREACHABLE") app.warn(`Not everything could be removed: ${error.message}`);
      return undefined;
    });
    if (result === undefined) continue;
    swept.containers += result.containers;
    swept.volumes += result.volumes;
    swept.networks += result.networks;
    swept.directories += result.directories;
  }
  return { ended: orphans, swept };
}

async function sweep(app: App, store: Store, kind: ExecutorKind): Promise<SweepResult> {
  const executor = await app.executor(kind);
  return executor.sweep((labels) => isAttemptLive(app, store, labels));
}

/** Another process of the same moment may do the same: every step is a guarded transition. */
async function endOrphan(store: Store, run: RunRecord): Promise<void> {
  if (run.owner === null) return;
  await store.expireLeasesOf(workerName(run.owner));
  for (const lease of await store.findExpiredLeases("local")) {
    if (lease.runId === run.id) await store.execute(run.id, { type: "reap", lease });
  }
  await store.execute(run.id, { type: "request_cancel", actor: "recovery", owner: run.owner });
}
