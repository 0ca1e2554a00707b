import { describe, expect, test } from "bun:test";
import type { Command } from "../../../src/run/command.ts";
import { ACTIVE_JOB_STATES, type RunSource } from "../../../src/run/records.ts";
import type { Store } from "../../../src/run/store.ts";
import { eventually } from "../../support/eventually.ts";
import { newRun, plannedJob, planOf } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import { claim, claimed, detail, FAILURE, finish, job, QUEUE, started } from "./acts.ts";

const HOUR_MS = 3_600_000;

export function waitingContract(under: StoreUnderTest): void {
  describe("a delayed job", () => {
    test("is claimed once its moment has come, and not before", async () => {
      const { store, another } = under;
      const soon = plannedJob("soon", { when: "delayed", startInMs: 600, stage: "test", stageIndex: 1 });
      await store.createRun(newRun("a", planOf([plannedJob("build"), soon])));
      expect(await job(store, "a", "soon")).toMatchObject({ state: "created", notBefore: null });
      await finish(store, await started(store));
      const { queuedAt, notBefore } = await job(another, "a", "soon");
      expect(notBefore! - queuedAt!).toBe(600);
      expect((await detail(another, "a")).run).toMatchObject({ status: "running" });
      const event = (await store.readEvents("a", 0, 100)).find((each) => each.job === "soon");
      expect(event).toMatchObject({ type: "job.pending", data: { notBefore } });
      expect(await claim(store)).toBeUndefined();
      let early = true;
      const lease = await eventually(async () => {
        const got = await claim(another);
        early &&= got === undefined;
        return got;
      });
      expect(lease.jobId).toBe("a-1");
      expect(early).toBe(false);
      const [, attempt] = (await detail(store, "a")).attempts;
      expect(attempt!.assignedAt).toBeGreaterThanOrEqual(notBefore!);
    });

    test("starts at once when it is played, and waits no second time for a further attempt", async () => {
      const { store, another } = under;
      const late = plannedJob("late", {
        when: "delayed",
        startInMs: HOUR_MS,
        retry: { max: 1, when: [], exitCodes: [] },
      });
      await store.createRun(newRun("a", planOf([late])));
      expect(await claim(another)).toBeUndefined();
      const play: Command = { type: "play", jobs: ["late"], actor: "me", owner: null };
      expect(await another.execute("a", play)).toEqual({ kind: "done", affectedJobs: ["late"] });
      expect(await another.execute("a", play)).toEqual({ kind: "noop" });
      await finish(store, await started(store), FAILURE);
      expect(await job(another, "a", "late")).toMatchObject({
        state: "pending",
        attempt: 1,
        notBefore: null,
      });
      await finish(another, await started(another), FAILURE);
      expect((await detail(store, "a")).run.status).toBe("failed");
      await store.execute("a", { type: "retry", jobs: "failed", actor: "me", owner: null });
      expect(await claimed(store)).toMatchObject({ jobId: "a-0", attempt: 3 });
    });

    test.each(["request_cancel", "request_stop"] as const)("ends by %s while it waits", async (type) => {
      const { store, another } = under;
      await store.createRun(
        newRun("a", planOf([plannedJob("late", { when: "delayed", startInMs: HOUR_MS })])),
      );
      await another.execute("a", { type, actor: "me" });
      expect((await detail(store, "a")).run.status).toBe("canceled");
      await another.execute("a", { type: "retry", jobs: "failed", actor: "me", owner: null });
      expect(await claimed(store)).toMatchObject({ jobId: "a-0", attempt: 1 });
    });

    test("is played in a run that another process drives, and that process goes on with it", async () => {
      const { store } = under;
      const owner = { machineId: "m", bootId: "b", pid: 77, processStart: "3" };
      const late = plannedJob("late", { when: "delayed", startInMs: HOUR_MS });
      await store.createRun(newRun("a", planOf([late]), { mode: "local", owner }));
      const other = { ...owner, pid: 78 };
      const play: Command = { type: "play", jobs: ["late"], actor: "me", owner: other };
      expect(await store.execute("a", play)).toMatchObject({ kind: "done" });
      expect((await detail(store, "a")).run.owner).toEqual(owner);
    });
  });

  describe("jobs of a resource group", () => {
    test("run one at a time over all runs of their repository", async () => {
      const { store, another } = under;
      const plan = planOf([grouped("deploy"), plannedJob("free")]);
      for (const id of ["a", "b"]) await store.createRun(newRun(id, plan));
      const elsewhere: RunSource = { ...newRun("c", plan).source, repo: { key: "/other", name: "other" } };
      await store.createRun(newRun("c", planOf([grouped("deploy")]), { source: elsewhere }));
      const holder = await started(store);
      expect(holder.jobId).toBe("a-0");
      const others = [await started(another), await started(store), await started(another)];
      expect(others.map(({ jobId }) => jobId).sort()).toEqual(["a-1", "b-1", "c-0"]);
      expect(await claim(store)).toBeUndefined();
      expect((await detail(store, "b")).run.status).toBe("running");
      const { resourceKey } = await job(store, "b", "deploy");
      expect(await another.findResourceHolders([resourceKey!, "none"])).toEqual([
        { resourceKey: resourceKey!, runId: "a", pipeline: "web", number: 1, job: "deploy" },
      ]);
      await finish(another, holder, FAILURE);
      expect(await claim(another)).toMatchObject({ jobId: "b-0" });
    });

    test("hold up none behind them, however many wait", async () => {
      const { store, another } = under;
      const many = Array.from({ length: 41 }, (_, index) => grouped(`g${index}`));
      await store.createRun(newRun("a", planOf(many)));
      await store.createRun(newRun("b", planOf([plannedJob("only")])));
      expect((await started(store)).runId).toBe("a");
      expect((await started(another)).runId).toBe("b");
      expect(await claim(store)).toBeUndefined();
    });

    test("are freed by the lease of a lost holder", async () => {
      const { store, another } = under;
      for (const id of ["a", "b"]) await store.createRun(newRun(id, planOf([grouped("deploy")])));
      const lease = await started(store, { leaseMs: 1 });
      expect(await claim(another)).toBeUndefined();
      await eventually(async () => (await another.findExpiredLeases("queue")).length > 0);
      await another.execute("a", { type: "reap", lease });
      expect(await claim(another)).toMatchObject({ runId: "b" });
    });

    test("never overlap when three workers race for five runs", async () => {
      const plan = planOf([grouped("one"), grouped("two"), grouped("three")]);
      const runIds = ["a", "b", "c", "d", "e"];
      for (const id of runIds) await under.store.createRun(newRun(id, plan));
      let atWork = 0;
      let most = 0;
      let done = 0;
      const work = async (store: Store, worker: string) => {
        while (done < 15) {
          const lease = await claim(store, { worker, scope: QUEUE });
          if (lease === undefined) {
            await Bun.sleep(1);
            continue;
          }
          atWork += 1;
          most = Math.max(most, atWork);
          await store.execute(lease.runId, { type: "start", lease, containerName: "c" });
          const rows = await Promise.all(runIds.map((id) => detail(under.another, id)));
          const active = rows.flatMap(({ jobs }) => jobs.filter(({ state }) => ACTIVE_JOB_STATES.has(state)));
          expect(active.map(({ id }) => id)).toEqual([lease.jobId]);
          atWork -= 1;
          await finish(store, lease);
          done += 1;
        }
      };
      await Promise.all([work(under.store, "w1"), work(under.another, "w2"), work(under.store, "w3")]);
      expect(most).toBe(1);
      const ended = await Promise.all(runIds.map((id) => detail(under.store, id)));
      expect(ended.map(({ run }) => run.status)).toEqual(runIds.map(() => "success"));
    });
  });
}

function grouped(name: string) {
  return plannedJob(name, { resourceGroup: "production" });
}
