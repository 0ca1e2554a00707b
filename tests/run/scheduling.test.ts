import { expect, test } from "bun:test";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { Orchestra, until } from "../support/orchestra.ts";
import { plannedJob, planOf } from "../support/plans.ts";

const SLOTS = 2;
/** How long each job takes, by the test's clock. The file has the longest last. */
const DURATIONS = { a: 20, b: 20, c: 20, long: 60 } as const;

test("with two slots the second run is shorter by what the longest job no longer waits", async () => {
  const clock = { now: 1_000, waiting: [] as { until: number; wake: () => void }[] };
  const work = (ms: number) => async () => {
    await new Promise<void>((wake) => clock.waiting.push({ until: clock.now + ms, wake }));
    return 0;
  };
  const programs = Object.fromEntries(Object.entries(DURATIONS).map(([name, ms]) => [name, work(ms)]));
  const store = new MemoryStore(() => clock.now);
  await using orchestra = await Orchestra.open({ programs, store });
  const plan = planOf(Object.keys(DURATIONS).map((name) => plannedJob(name)));

  /** The clock moves on to the next end of a job whenever every slot is taken that can be. */
  const run = async (runId: string) => {
    const running = orchestra.run(plan, { maxParallelJobs: SLOTS });
    for (let left = plan.jobs.length; left > 0; left -= 1) {
      const busy = Math.min(SLOTS, left);
      const areRunning = () => store.detailNow(runId)?.jobs.filter(({ state }) => state === "running").length;
      await until(() => clock.waiting.length === busy && areRunning() === busy);
      const next = clock.waiting.sort((x, y) => x.until - y.until).shift()!;
      clock.now = next.until;
      next.wake();
    }
    return running;
  };
  const first = await run("r0");
  const second = await run("r1");
  // The first two are started at once.
  const started = (from: number) => {
    const [one, two, ...later] = orchestra.engine.started.slice(from, from + plan.jobs.length);
    return [[one, two].sort(), ...later];
  };
  expect(started(0)).toEqual([["a", "b"], "c", "long"]);
  expect(first.run.busyMs).toBe(80);
  expect(started(4)).toEqual([["a", "long"], "b", "c"]);
  expect(second.run.busyMs).toBe(60);
  expect(second.jobs.map(({ priority }) => priority)).toEqual(Object.values(DURATIONS));
});
