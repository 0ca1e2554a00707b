import { expect, test } from "bun:test";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { claimed, detail, finish, ONE_JOB, started } from "../contract/store/acts.ts";
import { eventually } from "../support/eventually.ts";
import { newRun } from "../support/plans.ts";
import { newSchema, startServer } from "../support/postgres.ts";
import { startStallingProxy } from "../support/stalling-proxy.ts";

const failing = (code: string) => expect.objectContaining({ name: "CicdError", code });
/** What a reader of an outage may wait for once it is over: the pause between two tries, the driver's, and a busy machine. */
const SOON_MS = 5_000;

test("a network that swallows everything ends every call in time, and the store goes on when it is back", async () => {
  const { url, drop } = await newSchema();
  {
    await using proxy = await startStallingProxy(url);
    await using direct = await openPostgresStore({ url, notifications: false });
    await using store = await openPostgresStore({
      url: proxy.url,
      patienceMs: 300,
      answerMs: 1_000,
      pollMs: 60_000,
      ping: { everyMs: 50, withinMs: 1_000 },
    });
    await direct.createRun(newRun("a", ONE_JOB));
    const lease = await started(store);
    let hints = 0;
    using _watching = store.watch(() => {
      hints += 1;
    });
    await eventually(() => hints > 0);
    proxy.stall();
    const begun = performance.now();
    const calls = [
      store.findRuns({}),
      store.readLog({ ...lease, offset: 0, maxBytes: 10 }),
      store.appendLog({ ...lease, offset: 0, bytes: Buffer.from("lost") }),
      store.renewLeases([lease], 30_000),
      store.claimJob({
        worker: "w",
        token: "t",
        leaseMs: 1,
        scope: { kind: "queue", executors: [], labels: [] },
      }),
      finish(store, lease),
      store.listTokens(),
    ];
    const ends = await Promise.all(
      calls.map((call) =>
        call.then(
          () => undefined,
          (error) => error,
        ),
      ),
    );
    expect(ends).toEqual(calls.map(() => failing("STORE_UNREACHABLE")));
    expect(performance.now() - begun).toBeLessThan(10_000);
    const during = hints;
    await direct.createRun(newRun("b", ONE_JOB));
    proxy.heal();
    await eventually(() => hints > during, { withinMs: SOON_MS });
    const before = hints;
    expect((await store.findRuns({})).map(({ id }) => id).sort()).toEqual(["a", "b"]);
    expect(await finish(store, lease)).toMatchObject({ kind: "done" });
    const ownHints = await eventually(() => hints > before && hints);
    await direct.createRun(newRun("c", ONE_JOB));
    const announcer = await openPostgresStore({ url });
    await announcer.createRun(newRun("d", ONE_JOB));
    await eventually(() => hints > ownHints);
    await announcer[Symbol.asyncDispose]();
  }
  await drop();
}, 60_000);

test("a lock that outlasts its wait is waited for again, as long as patience lasts", async () => {
  const { url, drop } = await newSchema();
  {
    await using store = await openPostgresStore({ url: `${url}&lock_timeout=100` });
    await store.createRun(newRun("a", ONE_JOB));
    await claimed(store);
    const { default: postgres } = await import("postgres");
    const raw = postgres(url, { max: 1, onnotice: () => {} });
    let cancel: ReturnType<typeof store.execute> | undefined;
    await raw.begin(async (holder) => {
      await holder`SELECT 1 FROM runs WHERE id = 'a' FOR UPDATE`;
      cancel = store.execute("a", { type: "request_cancel", actor: "me" });
      cancel.catch(() => {});
      await expect(Promise.race([cancel, Bun.sleep(400).then(() => "waiting")])).resolves.toBe("waiting");
    });
    expect(await cancel).toMatchObject({ kind: "done" });
    await raw.end();
  }
  await drop();
}, 60_000);

test("restarts of PostgreSQL, orderly or not, cost no call that may be repeated, and watchers look again", async () => {
  await using server = await startServer();
  await using store = await openPostgresStore({ url: server.url, pollMs: 60_000 });
  let hints = 0;
  using _watching = store.watch(() => {
    hints += 1;
  });
  let made = 0;
  let isOver = false;
  const writing = (async () => {
    for (; !isOver; made += 1) await store.createRun(newRun(`r${made}`, ONE_JOB, { delivery: `d${made}` }));
  })();
  for (const stop of [server.crash, server.stop]) {
    const before = made;
    await eventually(() => made > before, { withinMs: SOON_MS });
    await stop();
    await server.restart();
    const [back, seen] = [made, hints];
    await eventually(() => made > back + 1 && hints > seen, { withinMs: SOON_MS });
  }
  isOver = true;
  await writing;
  const numbers = (await store.findRuns({})).map(({ number }) => number);
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: made }, (_, i) => i + 1));
  expect((await detail(store, "r0")).run.number).toBe(1);
}, 60_000);
