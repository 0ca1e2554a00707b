import { describe, expect, test } from "bun:test";
import type { Command } from "../../../src/run/command.ts";
import type { Store } from "../../../src/run/store.ts";
import { eventually } from "../../support/eventually.ts";
import { newRun, plannedJob, planOf } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import {
  attemptOf,
  claim,
  claimed,
  detail,
  FAILURE,
  finish,
  job,
  ONE_JOB,
  SUCCESS,
  started,
  THREE_JOBS,
} from "./acts.ts";

export function transitionContract(under: StoreUnderTest): void {
  const kind = async (runId: string, command: Command, store: Store = under.store) =>
    (await store.execute(runId, command))?.kind;

  describe("start", () => {
    test("is done once, and recorded before the container is there", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await claimed(store);
      const start: Command = { type: "start", lease, containerName: "box" };
      expect(await kind("a", start)).toBe("done");
      expect(await kind("a", start, another)).toBe("noop");
      expect(await attemptOf(another, lease)).toMatchObject({ containerName: "box", finishedAt: null });
      expect(await job(another, "a", "only")).toMatchObject({ state: "running", attempt: 1 });
      expect((await detail(another, "a")).run.status).toBe("running");
    });

    test("is lost with another token, and after the lease ran out", async () => {
      const { store } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await claimed(store, { leaseMs: 1 });
      const stranger = { ...lease, token: "stolen" };
      expect(await kind("a", { type: "start", lease: stranger, containerName: "box" })).toBe("lost");
      await expired(store);
      expect(await kind("a", { type: "start", lease, containerName: "box" })).toBe("lost");
      expect(await attemptOf(store, lease)).toMatchObject({ containerName: null, outcome: null });
    });

    test("is good again after a renewal by another connection", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await claimed(store, { leaseMs: 1 });
      await expired(store);
      expect(await another.renewLeases([lease], 30_000)).toMatchObject([{ state: "held" }]);
      expect(await kind("a", { type: "start", lease, containerName: "box" })).toBe("done");
    });

    test("of a job that was canceled meanwhile records that instead", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await claimed(store);
      await another.execute("a", { type: "request_cancel", actor: "me" });
      expect(await kind("a", { type: "start", lease, containerName: "box" })).toBe("canceled");
      expect(await job(another, "a", "only")).toMatchObject({ state: "canceled" });
      expect((await detail(another, "a")).run.status).toBe("canceled");
    });
  });

  describe("finish", () => {
    test("commits outcome, artifacts, log facts and what follows from them together", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const [left, right] = [await started(store), await started(another)];
      const outcome = {
        ...SUCCESS,
        logBytes: 12,
        logSha256: "cafe",
        artifactLayer: "layer",
        artifacts: [
          { path: "dist/b", sizeBytes: 5_000_000_000, sha256: "bb" },
          { path: "dist/a", sizeBytes: 0, sha256: "aa" },
        ],
      };
      expect(await kind("a", { type: "finish", lease: left, outcome })).toBe("done");
      expect((await job(another, "a", "after")).state).toBe("created");
      expect((await finish(another, right))?.kind).toBe("done");
      expect((await job(store, "a", "after")).state).toBe("pending");
      const { artifacts } = await detail(another, "a");
      expect(artifacts).toEqual([
        { path: "dist/a", sizeBytes: 0, sha256: "aa", jobId: left.jobId, attempt: 1 },
        { path: "dist/b", sizeBytes: 5_000_000_000, sha256: "bb", jobId: left.jobId, attempt: 1 },
      ]);
      expect(await attemptOf(store, left)).toMatchObject({
        outcome: "success",
        exitCode: 0,
        logBytes: 12,
        logSha256: "cafe",
        artifactLayer: "layer",
      });
      await finish(store, await started(store));
      expect((await detail(another, "a")).run).toMatchObject({ status: "success", warnings: false });
    });

    test("repeated is a noop, with another outcome a conflict, and nothing changes", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      expect((await finish(store, lease, FAILURE))?.kind).toBe("done");
      const before = plain(await detail(store, "a"));
      const events = await store.readEvents("a", 0, 100);
      expect((await finish(another, lease, FAILURE))?.kind).toBe("noop");
      expect((await finish(another, lease, SUCCESS))?.kind).toBe("conflict");
      expect(plain(await detail(store, "a"))).toEqual(before);
      expect(await store.readEvents("a", 0, 100)).toEqual(events);
    });

    test("of an attempt whose lease was reaped is refused: the next attempt stands", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const zombie = await claimed(store, { leaseMs: 1 });
      await expired(store);
      expect(await kind("a", { type: "reap", lease: zombie })).toBe("done");
      const next = await started(another);
      expect(next).toMatchObject({ jobId: zombie.jobId, attempt: 2 });
      expect(["lost", "conflict"]).toContain((await finish(store, zombie))!.kind);
      expect(await attemptOf(store, next)).toMatchObject({ outcome: null });
      expect(await job(store, "a", "only")).toMatchObject({ state: "running", attempt: 2 });
    });

    test("by two at once is recorded once", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      const results = await Promise.all([finish(store, lease, SUCCESS), finish(another, lease, FAILURE)]);
      expect(results.map((result) => result!.kind).sort()).toEqual(["conflict", "done"]);
      const finished = (await store.readEvents("a", 0, 100)).filter(({ type }) => type === "job.finished");
      expect(finished).toHaveLength(1);
    });
  });

  describe("reap", () => {
    test("leaves a live lease alone", async () => {
      const { store } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      expect(await kind("a", { type: "reap", lease })).toBe("noop");
      expect((await job(store, "a", "only")).state).toBe("running");
    });

    test("sends back what was not started, fails what was, and cancels what was being canceled", async () => {
      const { store, another } = under;
      const plan = planOf([plannedJob("assigned"), plannedJob("running"), plannedJob("stopping")]);
      await store.createRun(newRun("a", plan));
      const leases = [
        await claimed(store, { leaseMs: 200 }),
        await started(store, { leaseMs: 200 }),
        await started(store, { leaseMs: 200 }),
      ];
      expect(await kind("a", { type: "begin_cancel", lease: leases[2]! })).toBe("done");
      const found = await eventually(async () => {
        const now = await another.findExpiredLeases("queue");
        return now.length === 3 && now;
      });
      expect(found.map(({ jobId }) => jobId).sort()).toEqual(leases.map(({ jobId }) => jobId).sort());
      for (const lease of found) expect(await kind("a", { type: "reap", lease }, another)).toBe("done");
      for (const lease of found) expect(await kind("a", { type: "reap", lease })).toBe("noop");
      expect(
        (await detail(store, "a")).jobs.map(({ state, failureReason }) => [state, failureReason]),
      ).toEqual([
        ["pending", null],
        ["failed", "worker_lost"],
        ["canceled", "canceled"],
      ]);
      expect(await store.findExpiredLeases("queue")).toEqual([]);
    });
  });

  describe("cancel and stop", () => {
    test("begin_cancel is done once, and only by the holder of a running job", async () => {
      const { store } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const assigned = await claimed(store);
      expect(await kind("a", { type: "begin_cancel", lease: assigned })).toBe("lost");
      await store.execute("a", { type: "start", lease: assigned, containerName: "box" });
      expect(await kind("a", { type: "begin_cancel", lease: { ...assigned, token: "x" } })).toBe("lost");
      expect(await kind("a", { type: "begin_cancel", lease: assigned })).toBe("done");
      expect(await kind("a", { type: "begin_cancel", lease: assigned })).toBe("noop");
    });

    test("a cancel request ends what waits, tells the workers of the rest, and is heard once", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const lease = await started(store);
      expect(await another.execute("a", { type: "request_cancel", actor: "me" })).toEqual({
        kind: "done",
        affectedJobs: ["left"],
      });
      expect(await kind("a", { type: "request_cancel", actor: "me" })).toBe("noop");
      expect((await detail(store, "a")).jobs.map(({ state }) => state)).toEqual([
        "running",
        "canceled",
        "canceled",
      ]);
      expect((await detail(store, "a")).run.status).toBe("canceling");
      expect(await store.renewLeases([lease], 30_000)).toEqual([
        { lease, state: "held", cancelRequested: true },
      ]);
      const canceled = { ...FAILURE, status: "canceled", failureReason: "canceled", exitCode: null } as const;
      await finish(store, lease, canceled);
      expect((await detail(another, "a")).run.status).toBe("canceled");
      expect(await kind("a", { type: "request_cancel", actor: "me" })).toBe("noop");
    });

    test("a stop request lets running jobs finish and starts nothing more", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const lease = await started(store);
      expect(await another.execute("a", { type: "request_stop", actor: "me" })).toEqual({
        kind: "done",
        affectedJobs: ["left"],
      });
      expect(await claim(store)).toBeUndefined();
      expect(await store.renewLeases([lease], 30_000)).toEqual([
        { lease, state: "held", cancelRequested: false },
      ]);
      expect((await finish(store, lease))?.kind).toBe("done");
      expect((await job(another, "a", "left")).state).toBe("success");
      expect((await detail(another, "a")).run.status).toBe("canceled");
    });
  });

  describe("retry and play", () => {
    test("a retry appends attempts to what failed, reopens the run and keeps the history", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const [left, right] = [await started(store), await started(store)];
      await finish(store, left, FAILURE);
      await finish(store, right);
      const before = (await detail(another, "a")).run;
      expect(before).toMatchObject({ status: "failed", busySince: null });
      expect(before.busyMs).toBe(before.finishedAt! - before.startedAt!);
      const first = await attemptOf(store, left);
      const owner = { machineId: "m", bootId: "b", pid: 2, processStart: "3" };
      const retry: Command = { type: "retry", jobs: "failed", actor: "me", owner };
      expect(await another.execute("a", retry)).toEqual({ kind: "done", affectedJobs: ["left"] });
      expect((await detail(store, "a")).run).toMatchObject({ finishedAt: null, owner, busySince: null });
      const again = await started(store);
      const [{ run: busy }, { startedAt }] = [await detail(another, "a"), await job(store, "a", "left")];
      expect(busy).toMatchObject({ busyMs: before.busyMs, busySince: startedAt });
      expect(again).toMatchObject({ jobId: left.jobId, attempt: 2 });
      await finish(store, again);
      await finish(store, await started(store));
      const { run, attempts } = await detail(another, "a");
      expect(run.status).toBe("success");
      expect(attempts.map(({ jobId, number }) => [jobId, number])).toEqual([
        [left.jobId, 1],
        [left.jobId, 2],
        [right.jobId, 1],
        [`a-2`, 1],
      ]);
      expect(await attemptOf(store, left)).toEqual(first);
      expect(await kind("a", retry)).toBe("noop");
    });

    test("the retry policy appends an attempt at the moment of failing", async () => {
      const { store } = under;
      const plan = planOf([plannedJob("flaky", { retry: { max: 1, when: [], exitCodes: [] } })]);
      await store.createRun(newRun("a", plan));
      await finish(store, await started(store), FAILURE);
      expect(await job(store, "a", "flaky")).toMatchObject({ state: "pending", attempt: 1, retriesUsed: 1 });
      await finish(under.another, await started(under.another), FAILURE);
      expect(await job(store, "a", "flaky")).toMatchObject({ state: "failed", attempt: 2 });
    });

    test("a manual job waits for play, once", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", planOf([plannedJob("deploy", { when: "manual" })])));
      expect((await detail(store, "a")).run.status).toBe("manual");
      expect(await claim(store)).toBeUndefined();
      const play: Command = { type: "play", jobs: ["deploy"], actor: "me", owner: null };
      expect(await another.execute("a", play)).toEqual({ kind: "done", affectedJobs: ["deploy"] });
      expect(await kind("a", play)).toBe("noop");
      expect((await finish(store, await started(store)))?.kind).toBe("done");
    });

    test("play reopens a finished run for its optional manual job, and decides the skipped ones behind it anew", async () => {
      const { store, another } = under;
      const deploy = plannedJob("deploy", { when: "manual", allowFailure: true });
      await store.createRun(
        newRun("a", planOf([plannedJob("build"), deploy, plannedJob("tell", { needs: ["deploy"] })])),
      );
      await finish(store, await started(store));
      expect((await detail(store, "a")).run.status).toBe("success");
      expect((await job(store, "a", "tell")).state).toBe("skipped");
      const owner = { machineId: "m", bootId: "b", pid: 2, processStart: "3" };
      await another.execute("a", { type: "play", jobs: ["deploy", "build"], actor: "me", owner });
      expect((await detail(store, "a")).run).toMatchObject({ finishedAt: null, owner });
      await finish(store, await started(store));
      await finish(store, await started(store));
      expect((await detail(another, "a")).run.status).toBe("success");
      expect((await detail(another, "a")).jobs.map(({ state, attempt }) => [state, attempt])).toEqual([
        ["success", 1],
        ["success", 1],
        ["success", 1],
      ]);
    });

    test("a cancel meant for one process's run passes by when another process has it", async () => {
      const { store } = under;
      const dead = { machineId: "m", bootId: "b", pid: 2, processStart: "3" };
      await store.createRun(newRun("a", planOf([plannedJob("left"), plannedJob("right")]), { owner: dead }));
      await started(store);
      await store.setOwner("a", { ...dead, pid: 3 });
      const cancel: Command = { type: "request_cancel", actor: "recovery", owner: dead };
      expect(await kind("a", cancel)).toBe("noop");
      expect((await detail(store, "a")).run).toMatchObject({ status: "running", cancelRequestedAt: null });
      await store.setOwner("a", dead);
      expect(await kind("a", cancel)).toBe("done");
    });

    test("a run that another process drives is not taken over, neither by retry nor by play", async () => {
      const { store } = under;
      const deploy = plannedJob("deploy", { when: "manual", allowFailure: true });
      await store.createRun(newRun("a", planOf([plannedJob("left"), plannedJob("right"), deploy])));
      await finish(store, await started(store), FAILURE);
      await started(store);
      const owner = { machineId: "m", bootId: "b", pid: 77, processStart: "3" };
      const before = plain(await detail(store, "a"));
      expect(await kind("a", { type: "retry", jobs: "failed", actor: "me", owner })).toBe("noop");
      expect(plain(await detail(store, "a"))).toEqual(before);
      expect(await kind("a", { type: "play", jobs: ["deploy"], actor: "me", owner })).toBe("done");
      expect((await detail(store, "a")).run.owner).toEqual(before.run.owner);
      expect((await job(store, "a", "deploy")).state).toBe("pending");
    });
  });
}

async function expired(store: Store): Promise<void> {
  await eventually(async () => (await store.findExpiredLeases("queue")).length > 0);
}

function plain(of: Awaited<ReturnType<typeof detail>>) {
  return { ...of, run: { ...of.run } };
}
