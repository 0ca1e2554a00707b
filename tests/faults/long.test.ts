import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startBlackHoleProxy } from "../support/black-hole-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { counted, countedPart, countingJob, countingPlan, Fleet } from "../support/fleet.ts";
import { planOf } from "../support/plans.ts";
import { expectWhole, race } from "./acts.ts";

const DEAD_WORKER_MS = 36_000;
const RETRIED = { retry: { max: 1, when: ["worker_lost"], exitCodes: [] } };

describe("a fleet on one database", () => {
  test("two servers and four workers race for two thousand jobs and run each of them once", async () => {
    await using fleet = await Fleet.open();
    const servers = [1, 2].map((n) => fleet.server(`server${n}`, { jobs: 2 }));
    const workers = [1, 2, 3, 4].map((n) => fleet.worker(`worker${n}`, { jobs: 2 }));
    const racers = [...servers, ...workers];
    await race(fleet, 2_000);
    const finished = racers.map(({ said }) => said.filter(({ event }) => event === "job.finished").length);
    expect(finished.reduce((sum, count) => sum + count, 0)).toBe(2_000);
    expect(Math.min(...finished)).toBeGreaterThan(0);
    for (const racer of racers) racer.kill("SIGTERM");
    expect(await Promise.all(racers.map(({ exited }) => exited))).toEqual(racers.map(() => 0));
  }, 900_000);

  test("the jobs of a dead worker fail or are tried again within 36 seconds, and what it left is removed", async () => {
    await using fleet = await Fleet.open();
    const dying = fleet.worker("dying");
    const lost = await fleet.run(countingPlan(2_000, 0.1));
    const again = await fleet.run(countingPlan(100, 0.1, RETRIED));
    for (const { id } of [lost, again]) await fleet.hasPrinted(id, 3);
    const survivor = fleet.worker("survivor");
    await survivor.says("worker.started");
    dying.kill("SIGKILL");
    const killedAt = performance.now();
    const isDealtWith = async () => {
      const [one, other] = await Promise.all([fleet.detail(lost.id), fleet.detail(again.id)]);
      return one.jobs[0]!.state === "failed" && other.attempts.length === 2;
    };
    await eventually(isDealtWith, { withinMs: 60_000, everyMs: 100 });
    expect(performance.now() - killedAt).toBeLessThan(DEAD_WORKER_MS);
    const [failed, retried] = [await fleet.detail(lost.id), await fleet.ended(again.id)];
    expect(failed.jobs[0]).toMatchObject({ state: "failed", failureReason: "worker_lost" });
    expect(counted(2_000)).toStartWith(countedPart(await fleet.log(lost.id)));
    expect(retried.run.status).toBe("success");
    expect(retried.attempts.map(({ failureReason }) => failureReason)).toEqual(["worker_lost", null]);
    expect(countedPart(await fleet.log(again.id))).toBe(counted(100));
    const left = () => readdir(join(fleet.stateDir, "workspaces"));
    await eventually(async () => (await left()).length === 0, { withinMs: 90_000, everyMs: 250 });
  }, 240_000);

  test("without its database for 30 seconds a worker records what ended early and stops what did not", async () => {
    await using fleet = await Fleet.open();
    const worker = fleet.worker("patient");
    const early = await fleet.run(countingPlan(60, 0.1));
    const late = await fleet.run(countingPlan(2_000, 0.1));
    const again = await fleet.run(countingPlan(350, 0.1, RETRIED));
    for (const { id } of [early, late, again]) await fleet.hasPrinted(id, 3);
    await fleet.database.crash();
    await Bun.sleep(30_000);
    await fleet.database.restart();
    expectWhole(await fleet.ended(early.id), countedPart(await fleet.log(early.id)), 60);
    const stopped = await fleet.ended(late.id);
    expect(stopped.jobs[0]).toMatchObject({ state: "failed", failureReason: "worker_lost" });
    expect(counted(2_000)).toStartWith(countedPart(await fleet.log(late.id)));
    const retried = await fleet.ended(again.id, 120_000);
    expect(retried.run.status).toBe("success");
    expect(retried.attempts.map(({ failureReason }) => failureReason)).toEqual(["worker_lost", null]);
    expect(counted(350)).toStartWith(countedPart(await fleet.log(again.id, 0, 1)));
    expect(countedPart(await fleet.log(again.id))).toBe(counted(350));
    await eventually(async () => (await readdir(join(fleet.stateDir, "workspaces"))).length === 0);
    worker.kill("SIGTERM");
    expect(await worker.exited).toBe(0);
  }, 240_000);

  test("a network that swallows everything stops the containers in time, and the worker works again after it", async () => {
    await using fleet = await Fleet.open();
    await using proxy = await startBlackHoleProxy(fleet.database.url, "LISTEN");
    const worker = fleet.worker("cut-off", { database: proxy.url });
    const { id } = await fleet.run(countingPlan(2_000, 0.1));
    await fleet.hasPrinted(id, 3);
    proxy.swallowsAll = true;
    const cutAt = performance.now();
    const hasWork = async () => (await readdir(join(fleet.stateDir, "workspaces"))).length > 0;
    await eventually(async () => !(await hasWork()), { withinMs: 40_000, everyMs: 100 });
    expect(performance.now() - cutAt).toBeLessThan(25_000);
    proxy.swallowsAll = false;
    expect((await fleet.ended(id, 90_000)).jobs[0]).toMatchObject({ failureReason: "worker_lost" });
    const next = await fleet.run(countingPlan(3, 0.1));
    expectWhole(await fleet.ended(next.id, 90_000), countedPart(await fleet.log(next.id)), 3);
    worker.kill("SIGTERM");
    expect(await worker.exited).toBe(0);
  }, 300_000);

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "a restart of the server (%s) in the middle of ten pipelines leaves all ten finishing with whole logs",
    async (signal) => {
      await using fleet = await Fleet.open();
      const first = fleet.server("busy", { jobs: 10 });
      const plan = planOf([
        countingJob("first", 60, 0.1),
        countingJob("second", 20, 0.1, { stage: "test", stageIndex: 1 }),
      ]);
      const runs = await Promise.all(Array.from({ length: 10 }, () => fleet.run(plan)));
      for (const { id } of runs) await fleet.hasPrinted(id, 3);
      first.kill(signal);
      await first.exited;
      fleet.server("busy", { jobs: 10 });
      for (const { id } of runs) {
        const detail = await fleet.ended(id, 120_000);
        expect(detail.run.status).toBe("success");
        expect(detail.attempts).toHaveLength(2);
        expect(countedPart(await fleet.log(id, 0))).toBe(counted(60));
        expect(countedPart(await fleet.log(id, 1))).toBe(counted(20));
      }
    },
    240_000,
  );
});
