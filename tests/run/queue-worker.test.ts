import { describe, expect, test } from "bun:test";
import { CicdError } from "../../src/errors/cicd-error.ts";
import type { FakeIo } from "../../src/executor/fake/fake-engine.ts";
import type { Command } from "../../src/run/command.ts";
import type { ClaimScope, LogChunk } from "../../src/run/store.ts";
import type { WorkerEvent } from "../../src/run/worker-event.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { gate, Orchestra, until } from "../support/orchestra.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";

const build = (change = {}) => plannedJob("build", change);
const forever = () => new AbortController().signal;

/** A database that can go away, as far as a worker uses it. */
class AwayStore extends MemoryStore {
  isAway = false;
  #reach(): void {
    if (this.isAway) throw new CicdError("STORE_UNREACHABLE", "the database is away");
  }
  override async claimJob(claim: Parameters<MemoryStore["claimJob"]>[0]) {
    this.#reach();
    return super.claimJob(claim);
  }
  override async renewLeases(...args: Parameters<MemoryStore["renewLeases"]>) {
    this.#reach();
    return super.renewLeases(...args);
  }
  override async execute(runId: string, command: Command) {
    this.#reach();
    return super.execute(runId, command);
  }
  override async appendLog(chunk: LogChunk) {
    this.#reach();
    return super.appendLog(chunk);
  }
}

/** Prints a line, waits to be released, and prints another. */
function twoLines(released: Promise<void>) {
  return async ({ print, signal }: FakeIo) => {
    print("one\n");
    const killed = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    await Promise.race([released, killed]);
    print("two\n");
    return 0;
  };
}

const read = async (orchestra: Orchestra, id = "r") => (await orchestra.store.readRun(id))!;
const logOf = async (orchestra: Orchestra) => orchestra.log(await read(orchestra), "build");
const hasPrinted = (orchestra: Orchestra) => until(async () => (await logOf(orchestra)).includes("one\n"));

describe("a worker of the queue", () => {
  test("runs what any run has queued, until it is drained", async () => {
    await using orchestra = await Orchestra.open();
    for (const id of ["r1", "r2"]) await orchestra.store.createRun(newRun(id, planOf([build()])));
    const events: WorkerEvent[] = [];
    await using worker = orchestra.worker({ observe: (event) => events.push(event) });
    const done = worker.run(forever());
    await until(async () => (await read(orchestra, "r2")).run.status === "success");
    await orchestra.store.createRun(newRun("r3", planOf([build()])));
    await until(async () => (await read(orchestra, "r3")).run.status === "success");
    worker.drain();
    await done;
    const told = events.map((event) => ("job" in event ? `${event.type} ${event.job.runId}` : event.type));
    expect(told.sort()).toEqual(
      ["r1", "r2", "r3"].flatMap((id) => [`job.claimed ${id}`, `job.finished ${id}`]).sort(),
    );
  });

  test("when drained lets its job end and claims nothing more", async () => {
    const released = gate();
    await using orchestra = await Orchestra.open({ programs: { build: twoLines(released.opened) } });
    await orchestra.store.createRun(newRun("r", planOf([build()])));
    await using worker = orchestra.worker();
    const done = worker.run(forever());
    await hasPrinted(orchestra);
    worker.drain();
    await orchestra.store.createRun(newRun("later", planOf([build()])));
    released.open();
    await done;
    expect((await read(orchestra)).run.status).toBe("success");
    expect((await read(orchestra, "later")).attempts).toEqual([]);
  });

  test("hears of a cancel by the hint, long before its next heartbeat", async () => {
    await using orchestra = await Orchestra.open({ programs: { build: twoLines(new Promise(() => {})) } });
    await orchestra.store.createRun(newRun("r", planOf([build()])));
    await using worker = orchestra.worker({
      times: { heartbeatMs: 60_000, pollMs: 60_000, leaseMs: 180_000 },
    });
    const done = worker.run(forever());
    await hasPrinted(orchestra);
    await orchestra.store.execute("r", { type: "request_cancel", actor: "test" });
    await until(async () => (await read(orchestra)).run.status === "canceled", 5_000);
    worker.drain();
    await done;
  });

  test("records, once the database is back, what a job printed and how it ended meanwhile", async () => {
    const released = gate();
    const store = new AwayStore();
    await using orchestra = await Orchestra.open({ store, programs: { build: twoLines(released.opened) } });
    await store.createRun(newRun("r", planOf([build()])));
    const events: WorkerEvent[] = [];
    await using worker = orchestra.worker({ observe: (event) => events.push(event) });
    const done = worker.run(forever());
    await hasPrinted(orchestra);
    store.isAway = true;
    released.open();
    await until(() => events.some((event) => event.type === "trouble" && event.doing === "store a log"));
    store.isAway = false;
    await until(async () => (await read(orchestra)).run.status === "success");
    expect(await logOf(orchestra)).toEndWith("\u001b[0m\none\ntwo\n");
    worker.drain();
    await done;
  });

  test("offers an outcome that was known before the lease was given up", async () => {
    const released = gate();
    const store = new AwayStore();
    await using orchestra = await Orchestra.open({ store, programs: { build: twoLines(released.opened) } });
    await store.createRun(newRun("r", planOf([build()])));
    await using worker = orchestra.worker({ times: { heartbeatMs: 10, giveUpMs: 100 } });
    const done = worker.run(forever());
    await hasPrinted(orchestra);
    store.isAway = true;
    released.open();
    const container = [...orchestra.engine.containers.values()][0]!;
    await until(() => container.exit === 0);
    const endedAt = performance.now();
    await until(() => performance.now() - endedAt > 400);
    expect(orchestra.engine.containers.size).toBe(1);
    store.isAway = false;
    await until(async () => (await read(orchestra)).run.status === "success");
    expect(await logOf(orchestra)).toEndWith("one\ntwo\n");
    worker.drain();
    await done;
  });

  test("stops a job whose lease it could not renew for too long, and records nothing of it", async () => {
    const store = new AwayStore();
    const programs = { build: twoLines(new Promise(() => {})) };
    await using orchestra = await Orchestra.open({ store, programs });
    await store.createRun(newRun("r", planOf([build()])));
    const events: WorkerEvent[] = [];
    await using worker = orchestra.worker({
      times: { heartbeatMs: 10, giveUpMs: 100 },
      observe: (event) => events.push(event),
    });
    const done = worker.run(forever());
    await hasPrinted(orchestra);
    store.isAway = true;
    await until(() => orchestra.engine.containers.size === 0);
    store.isAway = false;
    await until(() => events.some(({ type }) => type === "job.lost"));
    expect((await read(orchestra)).jobs[0]!.state).toBe("running");
    worker.drain();
    await done;
  });

  test("leaves jobs to others while its executor can start nothing", async () => {
    await using orchestra = await Orchestra.open();
    for (const id of ["r1", "r2"]) await orchestra.store.createRun(newRun(id, planOf([build()])));
    orchestra.engine.isAway = true;
    const events: WorkerEvent[] = [];
    await using worker = orchestra.worker({ maxParallelJobs: 1, observe: (event) => events.push(event) });
    const done = worker.run(forever());
    await until(() => events.filter(({ type }) => type === "trouble").length >= 3);
    const attempts = async (id: string) => (await read(orchestra, id)).attempts;
    const [claimed] = await attempts("r1");
    expect(claimed).toMatchObject({ outcome: null, startedAt: null });
    expect(await attempts("r2")).toEqual([]);
    orchestra.engine.isAway = false;
    await until(async () => (await read(orchestra, "r2")).run.status === "success");
    expect((await read(orchestra, "r1")).jobs[0]!.state).toBe("assigned");
    worker.drain();
    await done;
  });

  test("gives an attempt up that cannot be recorded, and goes on with the next", async () => {
    class Picky extends MemoryStore {
      override async execute(runId: string, command: Command) {
        if (runId === "bad" && command.type === "finish")
          throw new CicdError("STORE_FAILED", "this row is not liked");
        return super.execute(runId, command);
      }
    }
    await using orchestra = await Orchestra.open({ store: new Picky() });
    await orchestra.store.createRun(newRun("bad", planOf([build()])));
    await orchestra.store.createRun(newRun("good", planOf([build()])));
    const events: WorkerEvent[] = [];
    await using worker = orchestra.worker({ maxParallelJobs: 1, observe: (event) => events.push(event) });
    const done = worker.run(forever());
    await until(async () => (await read(orchestra, "good")).run.status === "success");
    expect(events.filter(({ type }) => type === "job.lost")).toHaveLength(1);
    worker.drain();
    await done;
    await worker[Symbol.asyncDispose]();
    expect(orchestra.engine.containers.size).toBe(0);
  });

  test("takes a chunk for stored that the database stored without an answer", async () => {
    class Mute extends MemoryStore {
      answers = 3;
      override async appendLog(chunk: LogChunk) {
        const result = await super.appendLog(chunk);
        this.answers -= 1;
        if (this.answers === 0) throw new CicdError("STORE_UNREACHABLE", "no answer came");
        return result;
      }
    }
    const chatter = async ({ print }: FakeIo) => {
      for (let line = 0; line < 30; line += 1) {
        print(`line ${line}\n`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return 0;
    };
    await using orchestra = await Orchestra.open({ store: new Mute(), programs: { build: chatter } });
    await orchestra.store.createRun(newRun("r", planOf([build()])));
    await using worker = orchestra.worker();
    const done = worker.run(forever());
    await until(async () => (await read(orchestra)).run.status === "success");
    const lines = Array.from({ length: 30 }, (_, line) => `line ${line}\n`).join("");
    expect((await logOf(orchestra)).split("\u001b[0m\n").at(-1)).toBe(lines);
    worker.drain();
    await done;
  });
});

describe("a worker of the queue that follows another of its name", () => {
  test("leaves alone what was taken from it meanwhile", async () => {
    const programs = { build: twoLines(new Promise(() => {})) };
    await using orchestra = await Orchestra.open({ programs });
    await orchestra.store.createRun(newRun("r", planOf([build()])));
    await leaveRunning(orchestra);
    const [attempt] = (await read(orchestra)).attempts;
    const lease = { runId: "r", jobId: attempt!.jobId, attempt: 1, token: attempt!.leaseToken };
    await until(async () => {
      await orchestra.store.expireLeasesOf("worker");
      return (await orchestra.store.execute("r", { type: "reap", lease }))?.kind === "done";
    });
    const events: WorkerEvent[] = [];
    await using second = orchestra.worker({ observe: (event) => events.push(event) });
    const done = second.run(forever());
    await second.ready;
    second.drain();
    await done;
    expect(events).toEqual([]);
    expect((await read(orchestra)).jobs[0]).toMatchObject({ failureReason: "worker_lost" });
  });

  test("renews nothing that its predecessor ran by another executor", async () => {
    await using orchestra = await Orchestra.open();
    const { store } = orchestra;
    await store.createRun(newRun("r", planOf([build()]), { executor: "shell" }));
    const scope: ClaimScope = { kind: "queue", executors: ["shell"], labels: [] };
    const lease = await store.claimJob({
      worker: "worker",
      token: "t",
      leaseMs: 60_000,
      scope,
    });
    await store.execute("r", { type: "start", lease: lease!, containerName: "box" });
    const before = (await read(orchestra)).attempts[0]!.leaseUntil;
    const events: WorkerEvent[] = [];
    await using worker = orchestra.worker({ observe: (event) => events.push(event) });
    const done = worker.run(forever());
    await worker.ready;
    worker.drain();
    await done;
    expect(events).toMatchObject([{ type: "job.lost", job: { runId: "r", name: "build", attempt: 1 } }]);
    expect((await read(orchestra)).attempts[0]!.leaseUntil).toBe(before);
  });

  test("does not start a job again of which nothing is left", async () => {
    const programs = { build: twoLines(new Promise(() => {})) };
    await using orchestra = await Orchestra.open({ programs });
    await orchestra.store.createRun(newRun("r", planOf([build()])));
    await leaveRunning(orchestra);
    orchestra.engine.containers.clear();
    await using second = orchestra.worker();
    const done = second.run(forever());
    await until(async () => (await read(orchestra)).run.status === "failed");
    expect((await read(orchestra)).jobs[0]).toMatchObject({ failureReason: "runner_system_failure" });
    expect(orchestra.engine.started).toEqual(["build"]);
    second.drain();
    await done;
  });

  test("brings to its end what was being canceled", async () => {
    const programs = { build: twoLines(new Promise(() => {})) };
    await using orchestra = await Orchestra.open({ programs });
    await orchestra.store.createRun(newRun("r", planOf([build()])));
    await leaveRunning(orchestra);
    const [attempt] = (await read(orchestra)).attempts;
    const lease = { runId: "r", jobId: attempt!.jobId, attempt: 1, token: attempt!.leaseToken };
    await orchestra.store.execute("r", { type: "request_cancel", actor: "test" });
    await orchestra.store.execute("r", { type: "begin_cancel", lease });
    await using second = orchestra.worker();
    const done = second.run(forever());
    await until(async () => (await read(orchestra)).run.status === "canceled");
    second.drain();
    await done;
    await second[Symbol.asyncDispose]();
    expect(orchestra.engine.containers.size).toBe(0);
  });
});

/** Lets a worker begin the run's job, and hand it over once it has printed. */
async function leaveRunning(orchestra: Orchestra): Promise<void> {
  const leave = new AbortController();
  await using first = orchestra.worker();
  const left = first.run(leave.signal);
  await hasPrinted(orchestra);
  leave.abort("detach");
  await left;
}
