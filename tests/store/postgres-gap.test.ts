import { expect, test } from "bun:test";
import type { Command } from "../../src/run/command.ts";
import type { Store } from "../../src/run/store.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { claim, claimed, detail, finish, job, ONE_JOB, SUCCESS, started } from "../contract/store/acts.ts";
import { startDeafProxy } from "../support/deaf-proxy.ts";
import { gate, Orchestra, states } from "../support/orchestra.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";
import { newSchema, startServer } from "../support/postgres.ts";

const GAP_MS = 3_000;
const COMMIT = "commit\0";
const failing = (code: string) => expect.objectContaining({ name: "CicdError", code });

test("a run outlives a crash of PostgreSQL: jobs end, begin and print meanwhile, and no line is lost", async () => {
  await using server = await startServer();
  const [begun, crashed] = [gate(), gate()];
  let isBack = false;
  let lines = 0;
  const printer = async (io: { print(text: string): void }) => {
    while (!isBack) {
      lines += 1;
      io.print(`line ${lines}\n`);
      if (lines === 10) begun.open();
      await Bun.sleep(10);
    }
    return 0;
  };
  const short = async () => {
    await crashed.opened;
    return 0;
  };
  const store = await openPostgresStore({ url: server.url });
  await using orchestra = await Orchestra.open({ store, programs: { printer, short } });
  const plan = planOf([plannedJob("printer"), plannedJob("short"), plannedJob("next", { needs: ["short"] })]);
  const ending = orchestra.run(plan);
  await begun.opened;
  await server.crash();
  crashed.open();
  const before = lines;
  await Bun.sleep(GAP_MS);
  expect(lines).toBeGreaterThan(before);
  await server.restart();
  isBack = true;
  const ended = await ending;
  expect(ended.run.status).toBe("success");
  expect(states(ended)).toEqual(["printer=success", "short=success", "next=success"]);
  expect(ended.attempts.map(({ number }) => number)).toEqual([1, 1, 1]);
  const printed = (await orchestra.log(ended, "printer")).match(/^line \d+$/gm);
  expect([...(printed ?? [])]).toEqual(Array.from({ length: lines }, (_, index) => `line ${index + 1}`));
}, 60_000);

/** Does `act` on a store that does not hear the answer to the request with these words. */
async function unheard<T>(url: string, request: string, act: (store: Store) => Promise<T>): Promise<T> {
  await using proxy = await startDeafProxy(url);
  await using store = await openPostgresStore({ url: proxy.url, maxConnections: 1, notifications: false });
  proxy.swallow(request);
  const result = await act(store);
  expect(proxy.swallowed).toBe(1);
  return result;
}

test("what was written without an answer is written once", async () => {
  const { url, drop } = await newSchema();
  {
    await using store = await openPostgresStore({ url });
    await store.createRun(newRun("a", planOf([plannedJob("x"), plannedJob("y")])));
    const lease = (await unheard(url, "the worker", (deaf) => claim(deaf, { worker: "the worker" })))!;
    expect((await detail(store, "a")).attempts).toHaveLength(1);
    expect((await job(store, "a", "x")).state).toBe("assigned");
    const start = { type: "start", lease, containerName: "box" } as const;
    expect(await unheard(url, COMMIT, (deaf) => deaf.execute("a", start))).toEqual({ kind: "noop" });
    const { jobId, attempt } = lease;
    const append = (to: Store, offset: number, text: string) =>
      to.appendLog({ jobId, attempt, offset, bytes: new TextEncoder().encode(text) });
    expect(await append(store, 0, "one ")).toBe("stored");
    expect(
      await unheard(url, Buffer.from("second ").toString("hex"), (deaf) => append(deaf, 4, "second ")),
    ).toBe("stored");
    expect(await append(store, 4, "second ")).toBe("gap");
    expect(await append(store, 11, "third")).toBe("stored");
    const log = await store.readLog({ jobId, attempt, offset: 0, maxBytes: 1_000 });
    expect(new TextDecoder().decode(log.bytes)).toBe("one second third");
    expect(await unheard(url, COMMIT, (deaf) => finish(deaf, lease, SUCCESS))).toEqual({ kind: "noop" });
    expect((await job(store, "a", "x")).state).toBe("success");
    const finished = (await store.readEvents("a", 0, 100)).filter(({ type }) => type === "job.finished");
    expect(finished).toHaveLength(1);
  }
  await drop();
}, 60_000);

test("a transaction whose connection breaks in its midst is done anew", async () => {
  const { url, drop } = await newSchema();
  {
    await using store = await openPostgresStore({ url });
    await store.createRun(newRun("a", ONE_JOB));
    const lease = await claimed(store);
    const start = { type: "start", lease, containerName: "box" } as const;
    const inItsMidst = "commit_sha";
    expect(await unheard(url, inItsMidst, (deaf) => deaf.execute("a", start))).toEqual({
      kind: "done",
      affectedJobs: [],
    });
  }
  await drop();
}, 60_000);

test("a retry without an answer is not asked for twice", async () => {
  const { url, drop } = await newSchema();
  {
    await using store = await openPostgresStore({ url });
    await store.createRun(newRun("a", ONE_JOB));
    await finish(store, await started(store));
    const again: Command = { type: "retry", jobs: ["only"], actor: "me", owner: null };
    await unheard(url, COMMIT, async (deaf) => {
      await expect(deaf.execute("a", again)).rejects.toEqual(failing("STORE_UNREACHABLE"));
    });
    expect(await claimed(store)).toMatchObject({ runId: "a", attempt: 2 });
  }
  await drop();
}, 60_000);

test("where PostgreSQL stays away, writes give up with STORE_UNREACHABLE", async () => {
  await using server = await startServer();
  await using store = await openPostgresStore({ url: server.url, patienceMs: 300, notifications: false });
  await store.createRun(newRun("a", ONE_JOB));
  const lease = await started(store);
  await server.crash();
  await expect(finish(store, lease)).rejects.toEqual(failing("STORE_UNREACHABLE"));
  await expect(claim(store)).rejects.toEqual(failing("STORE_UNREACHABLE"));
}, 60_000);
