import type { App } from "../../src/app/app.ts";
import { ProcessPhases } from "../../src/app/process-phases.ts";
import type { CollectedGarbage, KeptArtifacts } from "../../src/app/upkeep.ts";
import { localFiles } from "../../src/config/local-files.ts";
import { CicdError } from "../../src/errors/cicd-error.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { readJunit } from "../../src/reports/junit.ts";
import type { Lease, Outcome, RunSource } from "../../src/run/records.ts";
import type { RunDetail, Store } from "../../src/run/store.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { SUCCESS } from "../contract/store/acts.ts";
import { newRun } from "../support/plans.ts";

const NOTHING: CollectedGarbage = {
  snapshots: 0,
  layers: 0,
  layerNames: [],
  blobs: 0,
  clones: 0,
  objects: 0,
  caches: 0,
  received: 0,
  shared: 0,
  temporary: 0,
  bytes: 0,
};

export const OWNER = { machineId: "m", bootId: "b", pid: 1, processStart: "1" };

/** The use-cases over the memory store, with a clock that stands still; everything is about the repository `/repo`. */
export class AppFixture {
  now = 1_000_000_000;
  readonly store: Store = new MemoryStore(() => this.now);
  /** How often each method of the store was called. */
  readonly calls = new Map<string, number>();
  kept: KeptArtifacts | undefined;
  isSnapshotGone = false;
  /** Artifact layers that lie on the disk, as far as `gc` is concerned. */
  stored: string[] = [];
  private count = 0;

  readonly app: App = {
    store: async () => this.counting(),
    sources: async () => ({
      repoKey: async () => "/repo",
      sharedRepo: async () => ({ key: "host/repo", name: "repo" }),
      ignoredFiles: async () => [],
      changedFiles: async () => undefined,
      restoreSnapshot: async () => {
        if (this.isSnapshotGone) throw new CicdError("SNAPSHOT_GONE", "gone");
      },
      open: () => Promise.reject(new Error("not opened here")),
    }),
    registry: () => Promise.reject(new Error("no registry here")),
    transfer: () => Promise.reject(new Error("no transfer here")),
    layers: async () => ({
      snapshotPath: () => Promise.reject(new Error("no snapshots here")),
      layerPath: (layer) => Promise.reject(new CicdError("NOT_FOUND", `no layer ${layer}`)),
      openSink: () => Promise.reject(new Error("no sinks here")),
      listSnapshot: () => Promise.reject(new Error("no snapshots here")),
      get caches(): never {
        throw new Error("no caches here");
      },
      readArtifact: () => Promise.reject(new CicdError("NOT_FOUND", "no blobs here")),
      readLayers: () => Promise.reject(new CicdError("NOT_FOUND", "no layers here")),
      writeOut: () => Promise.reject(new CicdError("NOT_FOUND", "no layers here")),
    }),
    executor: () => Promise.reject(new Error("no executor here")),
    files: localFiles,
    readJunit,
    upkeep: {
      askGit: () => Promise.reject(new Error("not asked here")),
      askDocker: () => Promise.reject(new Error("not asked here")),
      askStateDirectory: () => Promise.reject(new Error("not asked here")),
      askDisks: () => Promise.reject(new Error("not asked here")),
      collectGarbage: async (kept) => {
        this.kept = kept;
        const layerNames = this.stored.filter((layer) => !kept.layers.has(layer));
        this.stored = this.stored.filter((layer) => kept.layers.has(layer));
        return { ...NOTHING, layers: layerNames.length, layerNames };
      },
    },
    phases: new ProcessPhases(0, () => this.now),
    identity: { instance: "test", owner: OWNER },
    secretKey: () => Buffer.alloc(32, 7),
    warn: (text) => {
      throw new Error(text);
    },
    now: () => this.now,
    newId: () => `id${++this.count}`,
    isOwnerAlive: () => true,
    lockWorker: () => Promise.reject(new Error("no workers here")),
    [Symbol.asyncDispose]: async () => {},
  };

  /** Records a run; its jobs end as `ends` says, in that order, each after a second. */
  async record(
    plan: Plan,
    ends: Record<string, Partial<Outcome>> = {},
    source: Partial<RunSource> = {},
  ): Promise<RunDetail> {
    const id = this.app.newId();
    const run = newRun(id, plan);
    await this.store.createRun({ ...run, source: { ...run.source, ...source }, mode: "local" });
    for (const outcome of Object.values(ends)) {
      const lease = await this.begin(id);
      this.now += 1000;
      await this.end(lease, outcome);
    }
    return (await this.store.readRun(id))!;
  }

  /** Starts the next job of a run. */
  async begin(runId: string): Promise<Lease> {
    const scope = { kind: "runs" as const, runIds: [runId] };
    const lease = await this.store.claimJob({ worker: "w", token: this.app.newId(), leaseMs: 30_000, scope });
    if (lease === undefined) throw new Error("no job is pending");
    await this.store.execute(runId, { type: "start", lease, containerName: "c" });
    return lease;
  }

  async end(lease: Lease, outcome: Partial<Outcome> = {}): Promise<void> {
    const whole: Outcome = { ...SUCCESS, ...outcome };
    await this.store.execute(lease.runId, { type: "finish", lease, outcome: whole });
  }

  private counting(): Store {
    return new Proxy(this.store, {
      get: (store, name: keyof Store) => {
        const value = store[name];
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          this.calls.set(String(name), (this.calls.get(String(name)) ?? 0) + 1);
          return (value as (...args: unknown[]) => unknown).apply(store, args);
        };
      },
    });
  }
}
