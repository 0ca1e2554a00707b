import { expect, test } from "bun:test";
import { reap } from "../../src/app/reap.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import { gate, Orchestra, states, until } from "../support/orchestra.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";

function starting(jobs: PlannedJob[], depend = true, change: Partial<PlannedJob> = {}): PlannedJob {
  return plannedJob("start", { ...change, trigger: { plan: planOf(jobs, "child"), depend } });
}

const childOf = async ({ store }: Orchestra) => (await store.findRuns({ pipeline: "web/start" }))[0]!;

test("a pipeline that a job waits for gets the one slot there is, two levels deep", async () => {
  await using orchestra = await Orchestra.open();
  const below = plannedJob("below", { trigger: { plan: planOf([plannedJob("last")], "low"), depend: true } });
  const run = await orchestra.run(planOf([starting([plannedJob("one"), below])]), { maxParallelJobs: 1 });
  expect(states(run)).toEqual(["start=success"]);
  expect(orchestra.engine.started).toEqual(["one", "last"]);
  const child = await childOf(orchestra);
  expect(child).toMatchObject({
    status: "success",
    trigger: "pipeline",
    parent: { runId: run.run.id, jobId: run.jobs[0]!.id },
  });
  expect(await orchestra.log(run, "start")).toMatch(/web\/start #1: one success/);
});

test("what is handed on may refer to the dotenv reports of earlier jobs, as they are written", async () => {
  const dotenv = "TAG=1.2-$HOME\n";
  const env = plannedJob("env", {
    artifacts: {
      ...{ paths: [], exclude: [], when: "on_success", name: undefined, expireInMs: undefined },
      reports: { junit: [], dotenv: ["*.env"], others: [] },
    },
  });
  const child = planOf([plannedJob("use")], "child");
  const run = { IMAGE: "app:$TAG-${OTHER}", RAW: { value: "$TAG", expand: false }, OTHER: "$$TAG" };
  const trigger = { plan: { ...child, variables: { ...child.variables, run } }, depend: true };
  await using orchestra = await Orchestra.open({
    programs: {
      env: async ({ write }) => {
        write("a.env", dotenv);
        return 0;
      },
      use: async ({ print, environment: { IMAGE, RAW, OTHER, TAG } }) => {
        print(`${IMAGE} ${RAW} ${OTHER} ${TAG}\n`);
        return 0;
      },
    },
  });
  const start = plannedJob("start", { stage: "test", stageIndex: 1, artifactsFrom: ["env"], trigger });
  await orchestra.run(planOf([env, start]));
  const made = await orchestra.store.readRun((await childOf(orchestra)).id);
  expect(await orchestra.log(made!, "use")).toEndWith("app:1.2-$HOME-$TAG $TAG $TAG undefined\n");
});

test("a job fails with the pipeline that it waits for, and may be allowed to", async () => {
  await using orchestra = await Orchestra.open({ programs: { bad: async () => 3 } });
  const bad = starting([plannedJob("bad")], true, { allowFailure: true });
  const run = await orchestra.run(planOf([bad]));
  expect(run.run).toMatchObject({ status: "success", warnings: true });
  expect(run.jobs[0]).toMatchObject({ state: "failed", failureReason: "child_failed", allowed: true });
});

test("a job that does not wait ends at once, and its pipeline is driven to the end", async () => {
  const { opened, open } = gate();
  await using orchestra = await Orchestra.open({
    programs: {
      slow: async () => {
        await opened;
        return 0;
      },
    },
  });
  const running = orchestra.run(planOf([starting([plannedJob("slow")], false)]));
  await until(async () => (await orchestra.store.findRuns({ pipeline: "web" }))[0]?.status === "success");
  expect((await childOf(orchestra)).status).not.toBe("success");
  open();
  await running;
  expect((await childOf(orchestra)).status).toBe("success");
});

test("a pipeline of which the rules leave nothing fails the job, and makes no run", async () => {
  await using orchestra = await Orchestra.open();
  const run = await orchestra.run(planOf([starting([])]));
  expect(run.jobs[0]).toMatchObject({ state: "failed", failureReason: "child_failed" });
  expect(await childOf(orchestra)).toBeUndefined();
});

test("canceling a run cancels the pipelines that its jobs wait for", async () => {
  await using orchestra = await Orchestra.open({
    programs: {
      endless: ({ signal }) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(143), { once: true })),
    },
  });
  const running = orchestra.run(planOf([starting([plannedJob("endless")])]));
  await until(() => orchestra.engine.started.includes("endless"));
  const [parent] = await orchestra.store.findRuns({ pipeline: "web" });
  await orchestra.store.execute(parent!.id, { type: "request_cancel", actor: "test" });
  expect(states(await running)).toEqual(["start=canceled"]);
  expect((await childOf(orchestra)).status).toBe("canceled");
});

test("stopping a run stops the pipelines that its jobs wait for: what runs there ends, nothing more starts", async () => {
  const { opened, open } = gate();
  await using orchestra = await Orchestra.open({
    programs: {
      first: async () => {
        await opened;
        return 0;
      },
    },
  });
  const second = plannedJob("second", { needs: ["first"] });
  const running = orchestra.run(planOf([starting([plannedJob("first"), second])]));
  await until(() => orchestra.engine.started.includes("first"));
  const [parent] = await orchestra.store.findRuns({ pipeline: "web" });
  await orchestra.store.execute(parent!.id, { type: "request_stop", actor: "test" });
  await until(async () => (await childOf(orchestra)).stopRequestedAt !== null);
  open();
  await running;
  expect(orchestra.engine.started).toEqual(["first"]);
});

test("two workers of a queue share the work, and one that takes a trigger job over finds its pipeline", async () => {
  const { opened, open } = gate();
  await using orchestra = await Orchestra.open({
    programs: {
      slow: async () => {
        await opened;
        return 0;
      },
    },
  });
  const { store } = orchestra;
  await store.createRun(newRun("parent", planOf([starting([plannedJob("slow")])])));
  const first = orchestra.worker({ name: "a", maxParallelJobs: 1 });
  const leave = new AbortController();
  const working = first.run(leave.signal);
  await until(() => orchestra.engine.started.includes("slow"));
  leave.abort("detach");
  await working;
  const again = [orchestra.worker({ name: "a", maxParallelJobs: 1 }), orchestra.worker({ name: "b" })];
  const stop = new AbortController();
  const all = again.map((worker) => worker.run(stop.signal));
  open();
  await until(async () => (await store.readRunRecord("parent"))?.status === "success");
  expect(await store.findRuns({ pipeline: "web/start" })).toHaveLength(1);
  expect(orchestra.engine.started).toEqual(["slow"]);
  stop.abort("cancel");
  await Promise.all(all);
});

/** So many workers, one after the other, start or take up the pipeline of a job and are lost; then one ends what is left. */
async function loseParent(orchestra: Orchestra, change: Partial<PlannedJob>, losses: number): Promise<void> {
  const { store } = orchestra;
  const job = plannedJob("slow", { tags: ["gpu"] });
  await store.createRun(newRun("parent", planOf([starting([job], true, change)])));
  for (let attempt = 1; attempt <= losses; attempt += 1) {
    const name = `lost-${attempt}`;
    await using lost = orchestra.worker({ name });
    const leave = new AbortController();
    const working = lost.run(leave.signal);
    const logOf = async () => {
      const at = { jobId: "parent-0", attempt, offset: 0, maxBytes: 10_000 };
      return new TextDecoder().decode((await store.readLog(at)).bytes);
    };
    await until(async () => (await logOf()).includes("started web/start #1"));
    leave.abort("detach");
    await working;
    await store.expireLeasesOf(name);
    const [lease] = await store.findExpiredLeases("queue");
    expect(await reap(store, lease!)).toBe(true);
    expect(await reap(store, lease!)).toBe(false);
  }
  const other = orchestra.worker({
    name: "other",
    scope: { kind: "queue", executors: ["fake"], labels: ["gpu"] },
  });
  const stop = new AbortController();
  const all = other.run(stop.signal);
  await until(async () => (await store.readRunRecord("parent"))!.finishedAt !== null);
  await until(async () => (await childOf(orchestra)).finishedAt !== null);
  stop.abort("cancel");
  await all;
}

test.each([
  [0, 1],
  [1, 1],
  [1, 2],
  [2, 2],
] as const)(
  "with %i retries, a pipeline whose starter was lost %i times is followed or canceled",
  async (max, losses) => {
    await using orchestra = await Orchestra.open();
    await loseParent(orchestra, { retry: { max, when: [], exitCodes: [] } }, losses);
    const { run, jobs } = (await orchestra.store.readRun("parent"))!;
    expect(await orchestra.store.findRuns({ pipeline: "web/start" })).toHaveLength(1);
    const child = await childOf(orchestra);
    if (max >= losses) expect([run.status, child.status]).toEqual(["success", "success"]);
    else {
      expect([run.status, child.status]).toEqual(["failed", "canceled"]);
      expect(jobs[0]).toMatchObject({ failureReason: "worker_lost", attempt: losses });
    }
    expect(orchestra.engine.started).toEqual(max >= losses ? ["slow"] : []);
  },
);
