import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startBlackHoleProxy } from "../support/black-hole-proxy.ts";
import { counted, countedPart, countingJob, countingPlan, Fleet } from "../support/fleet.ts";
import { planOf } from "../support/plans.ts";
import { expectWhole, race } from "./acts.ts";

let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.open();
}, 60_000);
afterAll(() => fleet[Symbol.asyncDispose]());

describe("a fleet on one database", () => {
  test("two workers that race for forty jobs run each of them once", async () => {
    const workers = [fleet.worker("a", { jobs: 3 }), fleet.worker("b", { jobs: 3 })];
    await race(fleet, 40);
    for (const worker of workers) worker.kill("SIGTERM");
    expect(await Promise.all(workers.map(({ exited }) => exited))).toEqual([0, 0]);
  }, 60_000);

  test("a worker that is killed is followed by its successor, which goes on at the exact byte", async () => {
    const first = fleet.worker("killed");
    const { id } = await fleet.run(countingPlan(50, 0.05));
    await fleet.hasPrinted(id, 5);
    first.kill("SIGKILL");
    await first.exited;
    const second = fleet.worker("killed");
    const detail = await fleet.ended(id);
    expectWhole(detail, countedPart(await fleet.log(id)), 50);
    expect(second.said.map(({ event }) => event)).toContain("job.adopted");
    await second.says("job.finished");
    const { startedAt, finishedAt } = detail.attempts[0]!;
    const finished = second.said.find(({ event }) => event === "job.finished");
    expect(finished).toMatchObject({ durationMs: finishedAt! - startedAt! });
    second.kill("SIGTERM");
    await second.exited;
  }, 60_000);

  test("a worker that is told twice to end leaves its jobs running, and the next one ends them with whole logs", async () => {
    const first = fleet.worker("leaving");
    const plan = planOf([1, 2, 3].map((n) => countingJob(`count${n}`, 50, 0.05)));
    const { id } = await fleet.run(plan);
    for (const index of [0, 1, 2]) await fleet.hasPrinted(id, 5, index);
    first.kill("SIGTERM");
    await first.says("worker.draining");
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    expect(first.said.at(-1)).toMatchObject({ event: "worker.stopped", left: 3 });
    const second = fleet.worker("leaving");
    const detail = await fleet.ended(id);
    expect(detail.run.status).toBe("success");
    for (const index of [0, 1, 2]) expect(countedPart(await fleet.log(id, index))).toBe(counted(50));
    second.kill("SIGTERM");
    await second.exited;
  }, 60_000);

  test("a worker of a name that is at work on this host is refused", async () => {
    const first = fleet.worker("twin");
    await first.says("worker.started");
    const second = fleet.worker("twin");
    expect(await second.exited).toBe(2);
    first.kill("SIGTERM");
    await first.exited;
  }, 60_000);

  test("a drained worker lets its job end, and takes no other", async () => {
    const worker = fleet.worker("drained", { jobs: 1 });
    const { id } = await fleet.run(countingPlan(30, 0.05));
    await fleet.hasPrinted(id, 2);
    worker.kill("SIGTERM");
    await worker.says("worker.draining");
    const later = await fleet.run(countingPlan(1, 0));
    expect(await worker.exited).toBe(0);
    expectWhole(await fleet.detail(id), countedPart(await fleet.log(id)), 30);
    expect((await fleet.detail(later.id)).attempts).toEqual([]);
    await fleet.store.execute(later.id, { type: "request_cancel", actor: "test" });
  }, 60_000);

  test("what cannot be heard is found by polling: new work, and a cancel", async () => {
    await using proxy = await startBlackHoleProxy(fleet.database.url, "LISTEN");
    const worker = fleet.worker("deaf", { database: proxy.url });
    await worker.says("worker.started");
    const { id } = await fleet.run(countingPlan(2_000, 0.05));
    await fleet.hasPrinted(id, 2);
    await fleet.store.execute(id, { type: "request_cancel", actor: "test" });
    const askedAt = performance.now();
    const detail = await fleet.ended(id);
    expect(performance.now() - askedAt).toBeLessThan(10_000);
    expect(detail.run.status).toBe("canceled");
    expect(proxy.swallowed).toBeGreaterThan(0);
    worker.kill("SIGTERM");
    await worker.exited;
  }, 60_000);

  test.each(["stop", "crash"] as const)(
    "a database that is restarted (%s) in the middle of a run costs no byte",
    async (how) => {
      const worker = fleet.worker(`outlasts-${how}`);
      const { id } = await fleet.run(countingPlan(50, 0.05));
      await fleet.hasPrinted(id, 5);
      await fleet.database[how]();
      await fleet.database.restart();
      const detail = await fleet.ended(id);
      expectWhole(detail, countedPart(await fleet.log(id)), 50);
      worker.kill("SIGTERM");
      expect(await worker.exited).toBe(0);
    },
    60_000,
  );

  test("a database that is read-only for a while, as at a failover, costs a job nothing", async () => {
    const worker = fleet.worker("patient");
    const { id } = await fleet.run(countingPlan(60, 0.05));
    await fleet.hasPrinted(id, 5);
    const { default: postgres } = await import("postgres");
    const admin = postgres(fleet.database.url, { max: 1, onnotice: () => {} });
    const setReadOnly = async (value: "on" | "off") => {
      await admin.unsafe(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
      await admin.unsafe("SELECT pg_reload_conf()");
    };
    await setReadOnly("on");
    await Bun.sleep(1_500);
    await setReadOnly("off");
    await admin.end();
    expectWhole(await fleet.ended(id), countedPart(await fleet.log(id)), 60);
    worker.kill("SIGTERM");
    expect(await worker.exited).toBe(0);
  }, 60_000);

  test("a server without a worker deals with the jobs of a worker that is lost", async () => {
    const worker = fleet.worker("lost");
    const { id } = await fleet.run(countingPlan(4_000, 0.05));
    await fleet.hasPrinted(id, 2);
    worker.kill("SIGKILL");
    await worker.exited;
    // As half a minute would.
    await fleet.store.expireLeasesOf((await fleet.detail(id)).attempts[0]!.worker);
    const server = fleet.start(["serve", "--json", "--no-worker", "--listen", "127.0.0.1:0"]);
    await server.says("job.reaped", 60_000);
    expect((await fleet.ended(id)).jobs[0]).toMatchObject({ failureReason: "worker_lost" });
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  }, 90_000);
});
