import { describe, expect, test } from "bun:test";
import type { RunRecord } from "../../../src/run/records.ts";
import type { Store } from "../../../src/run/store.ts";
import { newRun, plannedJob, planOf } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import { claim, detail, FAILURE, finish, finishedRun, ONE_JOB, started, THREE_JOBS } from "./acts.ts";

export function runContract(under: StoreUnderTest): void {
  describe("a new run", () => {
    test("has the first number, its jobs settled, and its first events", async () => {
      const { store } = under;
      const run = await store.createRun(newRun("a", THREE_JOBS));
      expect(run).toMatchObject({ id: "a", number: 1, status: "pending", warnings: false, startedAt: null });
      expect(Math.abs(run.createdAt - Date.now())).toBeLessThan(60_000);
      const { jobs, attempts, artifacts } = await detail(store, "a");
      expect(jobs.map(({ name, index, state }) => [name, index, state])).toEqual([
        ["left", 0, "pending"],
        ["right", 1, "pending"],
        ["after", 2, "created"],
      ]);
      expect([attempts, artifacts]).toEqual([[], []]);
      const events = await store.readEvents("a", 0, 100);
      expect(events.map(({ type, job }) => [type, job])).toEqual([
        ["run.created", null],
        ["job.pending", "left"],
        ["job.pending", "right"],
      ]);
    });

    test("is read back as it was made, whatever its texts hold", async () => {
      const text = '\'; DROP TABLE runs; -- "ü" 😀 \n \\ $1 ?1 %';
      const plan = planOf([
        plannedJob(text, { script: ["\u0000\u001b[1m", text], variables: { KEY: text } }),
      ]);
      const input = newRun("a", plan, {
        pipeline: text,
        source: {
          repo: { key: text, name: text },
          branch: text,
          tag: text,
          commit: null,
          commitMessage: text,
          tree: "t",
          dirty: { modified: 1, untracked: 2 },
        },
        trigger: "api",
        mode: "local",
        owner: { machineId: text, bootId: "b", pid: 1, processStart: "77" },
        overrides: [text, "a=b"],
        delivery: text,
        after: text,
      });
      const made = await under.store.createRun(input);
      const read = await detail(under.another, "a");
      expect({ ...read.run }).toEqual({ ...made });
      expect({ ...read.run }).toMatchObject(JSON.parse(JSON.stringify(input)));
      expect(read.jobs[0]!.name).toBe(text);
    });

    test("does not change with the object it was made from", async () => {
      const input = newRun("a", structuredClone(ONE_JOB));
      const made = await under.store.createRun(input);
      input.plan.jobs[0]!.name = "renamed";
      input.source.branch = "other";
      expect(made.plan.jobs[0]!.name).toBe("only");
      expect((await detail(under.store, "a")).run.source.branch).toBe("main");
    });

    test("takes the next number of its repository and pipeline, also when many are made at once", async () => {
      const stores = [under.store, under.another];
      const made = await Promise.all(
        Array.from({ length: 24 }, (_, i) => stores[i % 2]!.createRun(newRun(`r${i}`, ONE_JOB))),
      );
      expect(made.map(({ number }) => number).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 24 }, (_, i) => i + 1),
      );
      const other = await under.store.createRun(newRun("p", ONE_JOB, { pipeline: "docs" }));
      const elsewhere = newRun("e", ONE_JOB);
      elsewhere.source.repo.key = "/elsewhere";
      expect([other.number, (await under.store.createRun(elsewhere)).number]).toEqual([1, 1]);
    });

    test("of a delivery that was here before is the one that was made then", async () => {
      const { store, another } = under;
      const made = await store.createRun(newRun("a", ONE_JOB, { delivery: "d" }));
      expect({ ...(await another.createRun(newRun("b", THREE_JOBS, { delivery: "d" }))) }).toEqual({
        ...made,
      });
      await finish(store, await started(store));
      expect(await another.createRun(newRun("c", ONE_JOB, { delivery: "d" }))).toMatchObject({
        id: "a",
        status: "success",
      });
      expect(await another.createRun(newRun("a", ONE_JOB))).toMatchObject({ id: "a", number: 1 });
      const elsewhere = newRun("e", ONE_JOB, { delivery: "d" });
      elsewhere.source.repo.key = "/elsewhere";
      const others = [
        newRun("other", ONE_JOB, { delivery: "other" }),
        newRun("docs", ONE_JOB, { delivery: "d", pipeline: "docs" }),
        elsewhere,
      ];
      for (const other of others) expect((await store.createRun(other)).id).toBe(other.id);
      expect((await detail(store, "other")).run.number).toBe(2);
      expect((await store.findRuns({})).map(({ id }) => id).sort()).toEqual(["a", "docs", "e", "other"]);
    });

    test("of one delivery is made once, however many make it at the same time", async () => {
      const stores = [under.store, under.another];
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, i) => {
          const delivery = `d${i % 4}`;
          return stores[i % 2]!.createRun(newRun(`r${i}`, ONE_JOB, { delivery }));
        }),
      );
      expect(new Set(made.map(({ id }) => id)).size).toBe(4);
      for (const [i, { delivery }] of made.entries()) expect(delivery).toBe(`d${i % 4}`);
      const stored = await under.another.findRuns({});
      expect(stored.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4]);
      for (const { id } of stored) expect((await detail(under.store, id)).jobs).toHaveLength(1);
    });

    test("without jobs that may start is finished at once", async () => {
      const plan = planOf([plannedJob("never", { when: "on_failure" })]);
      const run = await under.store.createRun(newRun("a", plan));
      expect(run.status).toBe("skipped");
      expect(run.finishedAt).not.toBeNull();
    });
  });

  test("the database is the same to whoever opens it", async () => {
    const { id } = await under.store.describe();
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect((await under.another.describe()).id).toBe(id);
  });

  test("a run that does not exist is undefined", async () => {
    expect(await under.store.readRun("none")).toBeUndefined();
    expect(await under.store.execute("none", { type: "request_cancel", actor: "me" })).toBeUndefined();
    expect(await under.store.readEvents("none", 0, 10)).toEqual([]);
  });

  describe("finding runs", () => {
    test("newest first, by every field, at most as many as asked for", async () => {
      const { store } = under;
      await makeSome(store);
      const find = async (filter: Parameters<Store["findRuns"]>[0]) =>
        (await under.another.findRuns(filter)).map(({ id }) => id);
      const all = await find({});
      expect([...all].sort()).toEqual(["a", "b", "c", "d"]);
      expect(await find({ limit: 2 })).toEqual(all.slice(0, 2));
      const created = (await store.findRuns({})).map(({ createdAt, id }) => [createdAt, id] as const);
      expect(created).toEqual([...created].sort(([a, x], [b, y]) => b - a || (x < y ? 1 : -1)));

      const sorted = async (filter: Parameters<Store["findRuns"]>[0]) => (await find(filter)).sort().join("");
      expect(await sorted({ repoKey: "/repo" })).toBe("abc");
      expect(await sorted({ pipeline: "web" })).toBe("abd");
      expect(await sorted({ repoKey: "/repo", pipeline: "web" })).toBe("ab");
      expect(await sorted({ repoKey: "/repo", pipeline: "web", number: 2 })).toBe("b");
      expect(await sorted({ number: 1 })).toBe("acd");
      expect(await sorted({ branch: "dev" })).toBe("b");
      expect(await sorted({ commit: "aaaa" })).toBe("b");
      expect(await sorted({ commit: "AAAA1111" })).toBe("b");
      expect(await sorted({ commit: "0123" })).toBe("acd");
      expect(await sorted({ commit: "_%12" })).toBe("");
      expect(await sorted({ statuses: ["failed"] })).toBe("c");
      expect(await sorted({ statuses: ["pending", "failed"] })).toBe("abcd");
      expect(await sorted({ statuses: [] })).toBe("");
      expect(await sorted({ mode: "local" })).toBe("d");
      expect(await sorted({ finishedBefore: Date.now() + 60_000 })).toBe("c");
      expect(await sorted({ finishedBefore: 1 })).toBe("");
      expect(await sorted({ repoKey: "' OR '1'='1" })).toBe("");
      expect(await sorted({ repoKey: "/other", pipeline: "docs" })).toBe("");
    });

    test("by what made them, page by page, from either end", async () => {
      const { store } = under;
      await makeSome(store);
      await store.createRun(newRun("e", planOf([plannedJob("one")]), { trigger: "push" }));
      const all = await store.findRuns({});
      const idsOf = (runs: RunRecord[]) => runs.map(({ id }) => id);
      expect(idsOf(await store.findRuns({ triggers: ["push"] }))).toEqual(["e"]);
      expect(idsOf(await store.findRuns({ triggers: ["push", "cli"] }))).toEqual(idsOf(all));
      expect(await store.findRuns({ triggers: [] })).toEqual([]);
      expect(idsOf(await store.findRuns({ oldestFirst: true }))).toEqual(idsOf(all).reverse());
      for (const oldestFirst of [false, true]) {
        const seen: string[] = [];
        for (let behind: RunRecord | undefined; ; ) {
          const page = await store.findRuns({ oldestFirst, limit: 2, ...(behind && { behind }) });
          seen.push(...idsOf(page));
          behind = page.at(-1);
          if (page.length < 2) break;
        }
        expect(seen).toEqual(oldestFirst ? idsOf(all).reverse() : idsOf(all));
      }
    });

    test("as lines gives the same runs and jobs, with what lists show of them", async () => {
      const { store, another } = under;
      await makeSome(store);
      const odd = newRun("odd", planOf([plannedJob("one"), plannedJob("two", { stage: "test" })]));
      odd.source.branch = 'tab\t"line"\n\\ä';
      odd.source.dirty = { modified: 0, untracked: 1 };
      await store.createRun(odd);
      const details = await store.findRunDetails({});
      for (const filter of [{}, { oldestFirst: true }, { limit: 2 }, { statuses: [] }]) {
        const runs = await store.findRuns(filter);
        const expected = runs.map((run) => ({
          number: run.number,
          status: run.status,
          warnings: run.warnings,
          branch: run.source.branch,
          commit: run.source.commit,
          dirty: run.source.dirty !== null && run.source.dirty.modified + run.source.dirty.untracked > 0,
          createdAt: run.createdAt,
          startedAt: run.startedAt,
          busyMs: run.busyMs,
          busySince: run.busySince,
        }));
        expect(await another.findRunLines(filter)).toEqual(expected);
        for (const of of [{ stage: "build" }, { stage: "test", job: "two" }, { stage: "none" }]) {
          const jobs = runs.flatMap(({ id, plan, number, mode, executor }) =>
            details
              .find(({ run }) => run.id === id)!
              .jobs.filter(({ index }) => plan.jobs[index]!.stage === of.stage)
              .filter(({ name }) => of.job === undefined || name === of.job)
              .map((job) => ({ job, plan, number, mode, executor })),
          );
          const lines = jobs.map(({ job, ...run }) => ({
            ...run,
            index: job.index,
            state: job.state,
            allowed: job.allowed,
            failureReason: job.failureReason,
            exitCode: job.exitCode,
            attempt: job.attempt,
            cancelRequested: job.cancelRequested,
            startedAt: job.startedAt,
            finishedAt: job.finishedAt,
          }));
          expect(await another.findJobLines(filter, of)).toEqual(lines);
        }
      }
    });

    test("with details gives each run its own jobs, attempts and artifacts", async () => {
      const { store } = under;
      await makeSome(store);
      const details = await store.findRunDetails({ repoKey: "/repo" });
      expect(details.map(({ run }) => run.id)).toEqual(
        (await store.findRuns({ repoKey: "/repo" })).map(({ id }) => id),
      );
      for (const found of details) {
        const read = await detail(under.another, found.run.id);
        expect({ ...found, run: { ...found.run } }).toEqual({ ...read, run: { ...read.run } });
      }
      expect(details.find(({ run }) => run.id === "c")!.attempts).toHaveLength(1);
      expect(await store.findRunDetails({ repoKey: "/none" })).toEqual([]);
    });

    test("lists a repository's pipelines with the number of their runs, by name", async () => {
      await makeSome(under.store);
      expect(await under.another.listPipelines("/repo")).toEqual([
        { name: "docs", runs: 1 },
        { name: "web", runs: 2 },
      ]);
      expect(await under.store.listPipelines("/none")).toEqual([]);
    });
  });

  test("events come oldest first, after the id that was asked for, at most as many as wanted", async () => {
    const { store } = under;
    await store.createRun(newRun("a", THREE_JOBS));
    await store.createRun(newRun("b", ONE_JOB));
    await finish(store, await started(store), FAILURE);
    const all = await under.another.readEvents("a", 0, 1_000);
    expect(all.every(({ runId }) => runId === "a")).toBe(true);
    const ids = all.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort((x, y) => x - y));
    expect(await store.readEvents("a", ids[1]!, 2)).toEqual(all.slice(2, 4));
    expect(await store.readEvents("a", ids.at(-1)!, 10)).toEqual([]);
    const finished = all.find(({ type }) => type === "job.finished")!;
    expect(finished).toMatchObject({ job: "left", attempt: 1, data: { status: "failed", exitCode: 1 } });
  });

  test("a run can be given another owner, and commands go on after it", async () => {
    const { store, another } = under;
    await store.createRun(newRun("a", ONE_JOB, { mode: "local" }));
    const owner = { machineId: "m", bootId: "b", pid: 7, processStart: "9" };
    await another.setOwner("a", owner);
    expect((await detail(store, "a")).run.owner).toEqual(owner);
    await store.execute("a", { type: "request_cancel", actor: "me" });
    expect((await detail(another, "a")).run).toMatchObject({ owner, status: "canceled" });
  });

  describe("deleting", () => {
    test("removes finished runs with all of theirs, keeps others, and never gives a number twice", async () => {
      const { store, another } = under;
      const lease = await finishedRun(store, "a", {
        ...FAILURE,
        artifactLayer: "layer",
        artifacts: [{ path: "x", sizeBytes: 1, sha256: "aa" }],
      });
      await store.createRun(newRun("b", ONE_JOB));
      await another.deleteRuns(["a", "b", "none"]);
      expect(await store.readRun("a")).toBeUndefined();
      expect(await store.readEvents("a", 0, 10)).toEqual([]);
      expect(
        await store.execute("a", { type: "retry", jobs: "failed", actor: "me", owner: null }),
      ).toBeUndefined();
      expect((await store.readLog({ jobId: lease.jobId, attempt: 1, offset: 0, maxBytes: 10 })).end).toBe(0);
      expect((await store.referencedArtifacts()).blobs.size).toBe(0);
      expect((await detail(store, "b")).run.number).toBe(2);
      expect(await claim(store)).toMatchObject({ runId: "b" });
      expect((await store.createRun(newRun("c", ONE_JOB))).number).toBe(3);
    });

    test("keeps what other runs name: layers of attempts, blobs of artifacts, trees of runs", async () => {
      const { store } = under;
      const outcome = (layer: string, sha256: string) => ({
        ...FAILURE,
        artifactLayer: layer,
        artifacts: [{ path: "dist/x", sizeBytes: 3, sha256 }],
      });
      await finishedRun(store, "a", outcome("layer-a", "aa"));
      await finishedRun(store, "b", outcome("layer-b", "bb"));
      expect(await store.referencedArtifacts()).toEqual({
        layers: new Set(["layer-a", "layer-b"]),
        blobs: new Set(["aa", "bb"]),
        trees: new Set(["89abcdef0123456789abcdef0123456789abcdef"]),
      });
      await store.deleteRuns(["a"]);
      const left = await under.another.referencedArtifacts();
      expect([...left.layers, ...left.blobs, left.trees.size]).toEqual(["layer-b", "bb", 1]);
      expect((await detail(store, "b")).run.plan.jobs[0]!.name).toBe("only");
    });
  });
}

/** a, b: /repo web (b on branch dev); c: /repo docs, failed; d: /other web, local. */
async function makeSome(store: Store): Promise<void> {
  await store.createRun(newRun("a", ONE_JOB));
  const b = newRun("b", ONE_JOB);
  b.source.branch = "dev";
  b.source.commit = "aaaa1111".repeat(5);
  await store.createRun(b);
  await store.createRun(newRun("c", ONE_JOB, { pipeline: "docs" }));
  const lease = await started(store, { scope: { kind: "runs", runIds: ["c"] } });
  await finish(store, lease, { ...FAILURE, artifacts: [{ path: "x", sizeBytes: 1, sha256: "aa" }] });
  const d = newRun("d", ONE_JOB, { mode: "local" });
  d.source.repo = { key: "/other", name: "other" };
  await store.createRun(d);
}
