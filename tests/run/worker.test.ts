import { describe, expect, test } from "bun:test";
import { CicdError } from "../../src/errors/cicd-error.ts";
import type { FakeIo } from "../../src/executor/fake/fake-engine.ts";
import type { Artifacts } from "../../src/pipeline/pipeline.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { gate, Orchestra, states, until } from "../support/orchestra.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";

const artifactsOf = (path: string, when: Artifacts["when"]): Artifacts => ({
  paths: [path],
  exclude: [],
  when,
  name: undefined,
  expireInMs: undefined,
});
const build = (change = {}) => plannedJob("build", change);
const inTest = (name: string, change = {}) => plannedJob(name, { stage: "test", stageIndex: 1, ...change });

describe("the worker", () => {
  test("runs stages in order and jobs of one stage at the same time", async () => {
    const both = gate();
    let waiting = 0;
    const meet = async (_: FakeIo) => {
      waiting += 1;
      if (waiting === 2) both.open();
      await both.opened;
      return 0;
    };
    await using orchestra = await Orchestra.open({ programs: { a: meet, b: meet } });
    const detail = await orchestra.run(planOf([build(), inTest("a"), inTest("b")]));
    expect(detail.run.status).toBe("success");
    expect(orchestra.engine.started[0]).toBe("build");
    expect(orchestra.engine.peak).toBe(2);
  });

  test("starts a job as soon as its needs are done, while other jobs of the stage still run", async () => {
    const released = gate();
    const programs = {
      slow: async () => {
        await released.opened;
        return 0;
      },
      early: async () => {
        released.open();
        return 0;
      },
    };
    await using orchestra = await Orchestra.open({ programs });
    const detail = await orchestra.run(
      planOf([build(), plannedJob("slow"), inTest("early", { needs: ["build"] })]),
    );
    expect(states(detail)).toEqual(["build=success", "slow=success", "early=success"]);
  });

  test("never runs more jobs at a time than it has slots", async () => {
    await using orchestra = await Orchestra.open();
    const jobs = Array.from({ length: 12 }, (_, index) =>
      plannedJob(`j${index}`, { script: ["sleep 0.01"] }),
    );
    const detail = await orchestra.run(planOf(jobs), { maxParallelJobs: 3 });
    expect(detail.run.status).toBe("success");
    expect(orchestra.engine.peak).toBe(3);
  });

  test("skips what depends on a failure, runs what waits for one, and says why the run failed", async () => {
    await using orchestra = await Orchestra.open();
    const detail = await orchestra.run(
      planOf([
        build({ script: ["echo broken", "exit 7", "echo never"] }),
        inTest("unit"),
        inTest("mail", { when: "on_failure" }),
        inTest("tidy", { when: "always" }),
        inTest("after-unit", { needs: ["unit"] }),
        inTest("mail-dag", { needs: ["unit"], when: "on_failure" }),
      ]),
    );
    expect(states(detail)).toEqual([
      "build=failed",
      "unit=skipped",
      "mail=success",
      "tidy=success",
      "after-unit=skipped",
      "mail-dag=success",
    ]);
    expect(detail.run.status).toBe("failed");
    expect(detail.jobs[0]).toMatchObject({ exitCode: 7, failureReason: "script_failure" });
    const log = await orchestra.log(detail, "build");
    expect(log).toContain("$ echo broken\nbroken\n$ exit 7\n");
    expect(log).not.toContain("never");
  });

  test("counts an allowed failure as a success with warnings", async () => {
    await using orchestra = await Orchestra.open();
    const detail = await orchestra.run(
      planOf([
        build({ script: ["exit 3"], allowFailure: { exitCodes: [3] } }),
        plannedJob("lint", { script: ["false"], allowFailure: true }),
        inTest("unit"),
      ]),
    );
    expect(detail.run).toMatchObject({ status: "success", warnings: true });
    expect(states(detail)).toEqual(["build=failed", "lint=failed", "unit=success"]);
  });

  test("tries again as the retry policy says, each time in an attempt of its own", async () => {
    let tries = 0;
    const flaky = async () => {
      tries += 1;
      return tries < 3 ? 1 : 0;
    };
    await using orchestra = await Orchestra.open({ programs: { build: flaky } });
    const detail = await orchestra.run(planOf([build({ retry: { max: 2, when: [], exitCodes: [] } })]));
    expect(detail.run.status).toBe("success");
    expect(detail.attempts.map(({ number, outcome }) => [number, outcome])).toEqual([
      [1, "failed"],
      [2, "failed"],
      [3, "success"],
    ]);
  });

  test("does not try again what the policy does not name", async () => {
    await using orchestra = await Orchestra.open();
    const retry = { max: 2 as const, when: ["worker_lost" as const], exitCodes: [42] };
    const detail = await orchestra.run(planOf([build({ script: ["exit 1"], retry })]));
    expect(detail.attempts).toHaveLength(1);
    const again = await orchestra.run(planOf([build({ script: ["exit 42"], retry })]));
    expect(again.attempts).toHaveLength(3);
  });

  test("takes no exit code for the script's own that a time-out has caused", async () => {
    await using orchestra = await Orchestra.open();
    const job = build({
      script: ["sleep 60"],
      timeoutMs: 20,
      allowFailure: { exitCodes: [143] },
      retry: { max: 2, when: [], exitCodes: [143] },
    });
    const executor = orchestra.executor();
    const begin = executor.start.bind(executor);
    executor.start = async (spec, signal) => {
      const execution = await begin(spec, signal);
      return Object.assign(execution, {
        result: execution.result.then((result) => ({ ...result, exitCode: 143 })),
      });
    };
    const detail = await orchestra.run(planOf([job]), { executor });
    expect(detail.run.status).toBe("failed");
    expect(detail.attempts).toHaveLength(1);
  });

  test("cancel ends the collection of artifacts, and what was not recorded yet is canceled", async () => {
    const artifacts = artifactsOf("out/", "on_success");
    await using orchestra = await Orchestra.open();
    const executor = orchestra.executor();
    const collecting = gate();
    const begin = executor.start.bind(executor);
    executor.start = async (spec, signal) =>
      Object.assign(await begin(spec, signal), {
        collect: (_: unknown, __: unknown, stop: AbortSignal) => {
          collecting.open();
          return new Promise((_, reject) => stop.addEventListener("abort", () => reject(stop.reason)));
        },
      });
    const { id } = await orchestra.store.createRun(newRun("r", planOf([build({ artifacts })])));
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] }, executor });
    const done = worker.run(new AbortController().signal);
    await collecting.opened;
    await orchestra.store.execute(id, { type: "request_cancel", actor: "test" });
    await done;
    expect((await orchestra.store.readRun(id))!.run.status).toBe("canceled");
  });

  test("hands artifacts to the jobs that take them, and only to those", async () => {
    const artifacts = artifactsOf("out/", "on_success");
    await using orchestra = await Orchestra.open({ files: { source: "from the tree\n" } });
    const detail = await orchestra.run(
      planOf([
        build({
          script: ["cat source", "echo made > out/file"],
          artifacts: { ...artifacts, paths: ["$DIR/"] },
          variables: { DIR: "out" },
        }),
        inTest("taker", { script: ["cat out/file"], artifactsFrom: ["build"] }),
        inTest("other", { script: ["cat out/file"], allowFailure: true }),
      ]),
    );
    expect(states(detail)).toEqual(["build=success", "taker=success", "other=failed"]);
    expect(detail.artifacts.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([["out/file", 5]]);
    expect(await orchestra.log(detail, "build")).toContain("from the tree\n");
    expect(await orchestra.log(detail, "taker")).toContain("made\n");
  });

  test("warns about an artifact path that matches nothing, as GitLab does", async () => {
    const artifacts = artifactsOf("gone/*", "always");
    await using orchestra = await Orchestra.open();
    const detail = await orchestra.run(planOf([build({ artifacts })]));
    expect(detail.run.status).toBe("success");
    expect(await orchestra.log(detail, "build")).toContain('warning: artifacts: nothing matches "gone/*"');
  });

  test("fails a job that takes longer than its time-out", async () => {
    await using orchestra = await Orchestra.open();
    const detail = await orchestra.run(planOf([build({ script: ["sleep 60"], timeoutMs: 20 })]));
    expect(detail.jobs[0]).toMatchObject({ state: "failed", failureReason: "job_timeout" });
  });

  test("stops what runs and starts nothing more when the run is canceled", async () => {
    await using orchestra = await Orchestra.open();
    const plan = planOf([
      build({ script: ["sleep 60"] }),
      plannedJob("quick"),
      inTest("unit"),
      inTest("tidy", { when: "always" }),
    ]);
    const { id } = await orchestra.store.createRun(newRun("r", plan));
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] } });
    const done = worker.run(new AbortController().signal);
    await until(async () => (await orchestra.store.readRun(id))!.jobs[1]!.state === "success");
    await orchestra.store.execute(id, { type: "request_cancel", actor: "test" });
    await done;
    const detail = (await orchestra.store.readRun(id))!;
    expect(states(detail)).toEqual(["build=canceled", "quick=success", "unit=canceled", "tidy=canceled"]);
    expect(detail.run.status).toBe("canceled");
    expect(orchestra.engine.containers.size).toBe(0);
  });

  test("gives a canceled job its grace and no more", async () => {
    await using orchestra = await Orchestra.open();
    const plan = planOf([build({ script: ["ignore TERM", "echo deaf", "sleep 60"] })]);
    const { id } = await orchestra.store.createRun(newRun("r", plan));
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] }, times: { graceMs: 50 } });
    const done = worker.run(new AbortController().signal);
    await until(() => [...orchestra.engine.containers.values()].some(({ output }) => output.length > 2));
    await orchestra.store.execute(id, { type: "request_cancel", actor: "test" });
    await done;
    expect((await orchestra.store.readRun(id))!.run.status).toBe("canceled");
  });

  test("ends a long grace when it is killed", async () => {
    await using orchestra = await Orchestra.open();
    const plan = planOf([build({ script: ["ignore TERM", "echo deaf", "sleep 60"] })]);
    const { id } = await orchestra.store.createRun(newRun("r", plan));
    await using worker = orchestra.worker({
      scope: { kind: "runs", runIds: [id] },
      times: { graceMs: 60_000 },
    });
    const done = worker.run(new AbortController().signal);
    await until(() => [...orchestra.engine.containers.values()].some(({ output }) => output.length > 2));
    await orchestra.store.execute(id, { type: "request_cancel", actor: "test" });
    await until(async () => (await orchestra.store.readRun(id))!.jobs[0]!.state === "canceling");
    worker.kill();
    await done;
    expect((await orchestra.store.readRun(id))!.run.status).toBe("canceled");
  });

  test("lets running jobs finish and starts nothing more when the run is stopped", async () => {
    const released = gate();
    const programs = {
      build: async () => {
        await released.opened;
        return 0;
      },
    };
    await using orchestra = await Orchestra.open({ programs });
    const { id } = await orchestra.store.createRun(newRun("r", planOf([build(), inTest("unit")])));
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] } });
    const done = worker.run(new AbortController().signal);
    await until(() => orchestra.engine.started.length === 1);
    await orchestra.store.execute(id, { type: "request_stop", actor: "test" });
    released.open();
    await done;
    expect(states((await orchestra.store.readRun(id))!)).toEqual(["build=success", "unit=canceled"]);
  });

  test("runs again only what failed, in the same run, and what was skipped because of it", async () => {
    let isMended = false;
    const programs = { flaky: async () => (isMended ? 0 : 1) };
    await using orchestra = await Orchestra.open({ programs });
    const first = await orchestra.run(planOf([build(), plannedJob("flaky"), inTest("unit")]));
    expect(states(first)).toEqual(["build=success", "flaky=failed", "unit=skipped"]);
    isMended = true;
    const { id } = first.run;
    await orchestra.store.execute(id, { type: "retry", jobs: "failed", actor: "test", owner: null });
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] } });
    await worker.run(new AbortController().signal);
    const second = (await orchestra.store.readRun(id))!;
    expect(second.run).toMatchObject({ status: "success", number: first.run.number });
    expect(second.attempts.map(({ jobId, number }) => `${jobId}/${number}`)).toEqual([
      "r0-0/1",
      "r0-1/1",
      "r0-1/2",
      "r0-2/1",
    ]);
  });

  test("leaves a run with a blocking manual job waiting, and goes on when it is played", async () => {
    await using orchestra = await Orchestra.open();
    const plan = planOf([
      build(),
      inTest("release", { when: "manual" }),
      plannedJob("after", { stage: "z", stageIndex: 2 }),
    ]);
    const waiting = await orchestra.run(plan);
    expect(waiting.run.status).toBe("manual");
    expect(states(waiting)).toEqual(["build=success", "release=manual", "after=created"]);
    const { id } = waiting.run;
    await orchestra.store.execute(id, { type: "play", jobs: ["release"], actor: "test", owner: null });
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] } });
    await worker.run(new AbortController().signal);
    expect((await orchestra.store.readRun(id))!.run.status).toBe("success");
  });

  test("reports a broken machine as the failure of the job, not of the program", async () => {
    await using orchestra = await Orchestra.open();
    const executor = orchestra.executor();
    executor.start = () => Promise.reject(new Error("the engine is on fire"));
    const detail = await orchestra.run(planOf([build()]), { executor });
    expect(detail.jobs[0]).toMatchObject({ state: "failed", failureReason: "runner_system_failure" });
    expect(detail.attempts[0]!.message).toContain("the engine is on fire");
  });

  test("cuts a log at its limit, says so, and does not fail the job", async () => {
    const noisy = async (io: FakeIo) => {
      for (let line = 0; line < 1_000; line += 1) io.print("x".repeat(99).concat("\n"));
      return 0;
    };
    await using orchestra = await Orchestra.open({ programs: { build: noisy } });
    const detail = await orchestra.run(planOf([build()]), { logLimitBytes: 5_000 });
    expect(detail.run.status).toBe("success");
    const log = await orchestra.log(detail, "build");
    expect(log.match(/x/g)).toHaveLength(4_950);
    expect(log).toContain("the log is cut here");
  });
});

describe("a worker that comes back under the name of one that crashed", () => {
  test("adopts what runs: the job is started once and its log has no byte twice", async () => {
    const released = gate();
    const programs = {
      build: async (io: FakeIo) => {
        io.print("before the crash\n");
        await released.opened;
        io.print("after the crash\n");
        return 0;
      },
    };
    await using orchestra = await Orchestra.open({ programs });
    const { id } = await orchestra.store.createRun(newRun("r", planOf([build()])));
    const scope = { kind: "runs" as const, runIds: [id] };
    const crash = new AbortController();
    const first = orchestra.worker({ scope });
    const crashed = first.run(crash.signal);
    await until(async () =>
      (await orchestra.log((await orchestra.store.readRun(id))!, "build")).includes("before"),
    );
    crash.abort("detach");
    await crashed;
    expect((await orchestra.store.readRun(id))!.jobs[0]!.state).toBe("running");
    await using second = orchestra.worker({ scope });
    const done = second.run(new AbortController().signal);
    released.open();
    await done;
    const detail = (await orchestra.store.readRun(id))!;
    expect(detail.run.status).toBe("success");
    expect(orchestra.engine.started).toEqual(["build"]);
    expect(await orchestra.log(detail, "build")).toEndWith("before the crash\nafter the crash\n");
    expect((await orchestra.log(detail, "build")).match(/crash/g)).toHaveLength(2);
  });

  test("is stopped when its lease was lost meanwhile, and records nothing", async () => {
    await using orchestra = await Orchestra.open();
    const { id } = await orchestra.store.createRun(newRun("r", planOf([build({ script: ["sleep 60"] })])));
    await using worker = orchestra.worker({
      scope: { kind: "runs", runIds: [id] },
      times: { leaseMs: 60_000, heartbeatMs: 10 },
    });
    const done = worker.run(new AbortController().signal);
    await until(async () => (await orchestra.store.readRun(id))!.jobs[0]!.state === "running");
    const attempt = (await orchestra.store.readRun(id))!.attempts[0]!;
    const lease = { runId: id, jobId: attempt.jobId, attempt: 1, token: attempt.leaseToken };
    await until(async () => {
      await orchestra.store.expireLeasesOf("worker");
      return (await orchestra.store.execute(id, { type: "reap", lease }))?.kind === "done";
    });
    await done;
    const detail = (await orchestra.store.readRun(id))!;
    expect(detail.jobs[0]).toMatchObject({ state: "failed", failureReason: "worker_lost" });
    await worker[Symbol.asyncDispose]();
    expect(orchestra.engine.containers.size).toBe(0);
  });
});

describe("a job", () => {
  test("is ended and cleaned up when its log cannot be stored", async () => {
    class FullStore extends MemoryStore {
      override async appendLog(): Promise<"stored"> {
        throw new CicdError("DISK_FULL", "the disk is full");
      }
    }
    const talkUntilStopped = async ({ print, signal }: FakeIo) => {
      for (; !signal.aborted; await new Promise((resolve) => setTimeout(resolve, 5))) print("lost\n");
      return 1;
    };
    await using orchestra = await Orchestra.open({
      store: new FullStore(),
      programs: { build: talkUntilStopped },
    });
    const { id } = await orchestra.store.createRun(newRun("r", planOf([build()])));
    await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [id] } });
    const error = await worker.run(new AbortController().signal).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "DISK_FULL" });
    await worker[Symbol.asyncDispose]();
    expect(orchestra.engine.started).toEqual(["build"]);
    expect(orchestra.engine.containers.size).toBe(0);
  });
});
