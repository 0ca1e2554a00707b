import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Store } from "../../src/run/store.ts";
import { SCHEMA_VERSION } from "../../src/store/sqlite/migrate.ts";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";
import { SqliteConnection } from "../../src/store/sqlite/sqlite-connection.ts";
import { claimed, finishedRun, ONE_JOB, started } from "../contract/store/acts.ts";
import { newRun } from "../support/plans.ts";
import { newDatabasePath } from "../support/sqlite.ts";

const PROCESS = join(import.meta.dir, "..", "support", "store-process.ts");

let path: string;
let remove: () => void;
const open: Store[] = [];

beforeEach(() => {
  ({ path, remove } = newDatabasePath());
});

afterEach(async () => {
  for (const store of open.splice(0)) await store[Symbol.asyncDispose]();
  remove();
});

async function openStore(options: { busyTimeoutMs?: number } = {}): Promise<Store> {
  const store = await openSqliteStore({ path, ...options });
  open.push(store);
  return store;
}

const failing = (code: string) => expect.objectContaining({ name: "CicdError", code });

async function inProcess(mode: string, name = "", count = 0): Promise<Record<string, unknown>> {
  const child = Bun.spawn([process.execPath, PROCESS, mode, path, name, String(count)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const [text, status] = [await new Response(child.stdout).text(), await child.exited];
  expect(status).toBe(0);
  return JSON.parse(text);
}

test("what a write did is told before the next one begins, though both were asked for at once", async () => {
  const steps: string[] = [];
  using connection = new SqliteConnection(new Database(":memory:"), ":memory:", 1_000);
  const write = (name: string) =>
    connection.write(
      "normal",
      () => void steps.push(name),
      () => void steps.push(`${name} committed`),
    );
  await Promise.all([write("a"), write("b")]);
  expect(steps).toEqual(["a", "a committed", "b", "b committed"]);
});

describe("a SQLite store's file", () => {
  test("is made with its directory, for its owner only", async () => {
    const store = await openStore();
    await store.createRun(newRun("a", ONE_JOB));
    const mode = (file: string) => statSync(file).mode & 0o777;
    expect(mode(dirname(path))).toBe(0o700);
    expect([path, `${path}-wal`, `${path}-shm`].map(mode)).toEqual([0o600, 0o600, 0o600]);
    expect(await store.describe()).toMatchObject({
      kind: "sqlite",
      location: path,
      schemaVersion: SCHEMA_VERSION,
    });
  });

  test("keeps what was stored when it is opened again", async () => {
    const first = await openSqliteStore({ path });
    await finishedRun(first, "a");
    await first[Symbol.asyncDispose]();
    const again = await openStore();
    expect((await again.readRun("a"))?.run).toMatchObject({ number: 1, status: "success" });
    expect((await again.createRun(newRun("b", ONE_JOB))).number).toBe(2);
  });

  test("of an older cicd is brought up to date with its runs, whose plans say less", async () => {
    await using first = await openSqliteStore({ path: join(dirname(path), "current.db") });
    await first.createRun(newRun("a", ONE_JOB, { mode: "local" }));
    mkdirSync(dirname(path), { recursive: true });
    const raw = new Database(path);
    const migrations = join(import.meta.dir, "..", "..", "src", "store", "sqlite", "migrations");
    for (const name of ["0001_initial.sql", "0002_busy_time.sql"])
      raw.run(readFileSync(join(migrations, name), "utf8"));
    raw.run("PRAGMA application_id = 0x63696364");
    raw.run("PRAGMA user_version = 2");
    raw.run("ATTACH ?1 AS current", [join(dirname(path), "current.db")]);
    for (const table of ["repositories", "pipelines", "plans", "runs", "jobs", "events"]) {
      const columns = raw.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?1, 'main')");
      const names = columns.all(table).map(({ name }) => name);
      raw.run(`INSERT INTO main.${table} (${names}) SELECT ${names} FROM current.${table}`);
    }
    raw.run("UPDATE plans SET plan = json_remove(plan, '$.jobs[0].tags', '$.jobs[0].interruptible')");
    raw.close();
    const store = await openStore();
    const run = (await store.readRun("a"))!.run;
    expect(run).toMatchObject({ delivery: null, after: null, source: { tag: null } });
    expect(run.plan.jobs[0]).toMatchObject({ name: "only", tags: [], interruptible: false });
    expect(await claimed(store, { scope: { kind: "runs", runIds: ["a"] } })).toMatchObject({ jobId: "a-0" });
  });

  test("of a newer cicd is refused and left as it was", async () => {
    await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
    const raw = new Database(path);
    raw.run("PRAGMA user_version = 99");
    raw.close();
    const before = readFileSync(path);
    await expect(openSqliteStore({ path })).rejects.toEqual(failing("STORE_SCHEMA_NEWER"));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("that is no database, or somebody else's, is refused and left as it was", async () => {
    mkdirSync(dirname(path));
    writeFileSync(path, "all work and no play\n".repeat(1_000));
    await expect(openSqliteStore({ path })).rejects.toEqual(failing("STORE_CORRUPT"));
    expect(readFileSync(path, "utf8")).toStartWith("all work");
    rmSync(path);
    const raw = new Database(path);
    raw.run("CREATE TABLE runs (id)");
    raw.close();
    const before = readFileSync(path);
    await expect(openSqliteStore({ path })).rejects.toEqual(failing("STORE_CORRUPT"));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("that is a directory, or below a file, cannot be opened", async () => {
    mkdirSync(path, { recursive: true });
    await expect(openSqliteStore({ path })).rejects.toEqual(failing("STORE_UNREACHABLE"));
    writeFileSync(join(path, "file"), "");
    await expect(openSqliteStore({ path: join(path, "file", "cicd.db") })).rejects.toEqual(
      failing("STORE_UNREACHABLE"),
    );
  });

  test("that may not be written can be read; one that may not be read is a denied permission", async () => {
    const store = await openSqliteStore({ path });
    await store.createRun(newRun("a", ONE_JOB));
    await store[Symbol.asyncDispose]();
    chmodSync(dirname(dirname(path)), 0o755);
    chmodSync(dirname(path), 0o555);
    const readable = { isReadOnly: true, runs: ["a"], refused: "PERMISSION_DENIED" };
    for (const mode of [0o666, 0o444]) {
      chmodSync(path, mode);
      expect(await inProcess("open-as-nobody")).toEqual(readable);
    }
    chmodSync(path, 0o600);
    expect(await inProcess("open-as-nobody")).toEqual({ code: "PERMISSION_DENIED" });
    chmodSync(dirname(path), 0o755);
  });

  test("that may not be written is not read where that would leave out what a process that died had written", async () => {
    await using store = await openSqliteStore({ path });
    await store.createRun(newRun("a", ONE_JOB));
    const copy = join(dirname(path), "crashed", "cicd.db");
    mkdirSync(dirname(copy));
    for (const end of ["", "-wal"]) copyFileSync(path + end, copy + end);
    chmodSync(dirname(dirname(path)), 0o755);
    chmodSync(dirname(path), 0o755);
    for (const end of ["", "-wal"]) chmodSync(copy + end, 0o444);
    chmodSync(dirname(copy), 0o555);
    const original = path;
    path = copy;
    expect(await inProcess("open-as-nobody")).toEqual({ code: "PERMISSION_DENIED" });
    path = original;
    chmodSync(dirname(copy), 0o755);
  });

  test("that is damaged in the middle says so when that part is read", async () => {
    const store = await openSqliteStore({ path });
    await store.createRun(newRun("a", ONE_JOB));
    const lease = await started(store);
    for (let offset = 0; offset < 4_000_000; offset += 50_000) {
      await store.appendLog({ ...lease, offset, bytes: crypto.getRandomValues(new Uint8Array(50_000)) });
    }
    await store[Symbol.asyncDispose]();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.6));
    writeFileSync(path, bytes);
    const damaged = await openStore();
    const reading = damaged.readLog({ ...lease, offset: 0, maxBytes: 4_000_000 });
    await expect(reading).rejects.toEqual(failing("STORE_CORRUPT"));
    expect((await damaged.readLog({ ...lease, offset: 0, maxBytes: 100 })).bytes).toHaveLength(100);
    expect((await damaged.readRun("a"))?.run.status).toBe("running");
  });

  test("on a full disk refuses what does not fit, keeps the rest, and goes on when there is room", async () => {
    const disk = join(dirname(dirname(path)), "small");
    mkdirSync(disk);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).exitCode).toBe(0);
    try {
      await using store = await openSqliteStore({ path: join(disk, "cicd.db") });
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      let offset = 0;
      let refused: unknown;
      while (refused === undefined && offset < 8_000_000) {
        await store.appendLog({ ...lease, offset, bytes }).then(
          () => {
            offset += bytes.length;
          },
          (error) => {
            refused = error;
          },
        );
      }
      expect(refused).toEqual(failing("DISK_FULL"));
      expect((await store.readLog({ ...lease, offset: 0, maxBytes: 1 })).end).toBe(offset);
      expect((await store.readRun("a"))?.run.status).toBe("running");
      Bun.spawnSync(["mount", "-o", "remount,size=8m", disk]);
      expect(await store.appendLog({ ...lease, offset, bytes })).toBe("stored");
    } finally {
      Bun.spawnSync(["umount", disk]);
    }
  });

  test("that was closed is not used any more", async () => {
    const store = await openSqliteStore({ path });
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await expect(store.findRuns({})).rejects.toEqual(failing("STORE_UNREACHABLE"));
  });
});

describe("a SQLite store", () => {
  test("refuses to change a finished attempt, whoever asks", async () => {
    const store = await openStore();
    await finishedRun(store, "a");
    await store.createRun(newRun("b", ONE_JOB));
    await claimed(store);
    const raw = new Database(path);
    expect(() => raw.run("UPDATE attempts SET exit_code = 5 WHERE run_id = 'a'")).toThrow("never changes");
    expect(() =>
      raw.run("UPDATE attempts SET outcome = NULL, finished_at = NULL WHERE run_id = 'a'"),
    ).toThrow("never changes");
    expect(raw.run("UPDATE attempts SET message = 'x' WHERE run_id = 'b'").changes).toBe(1);
    raw.close();
  });

  test("waits for another process's lock, and gives up in the end", async () => {
    const store = await openStore({ busyTimeoutMs: 150 });
    await store.createRun(newRun("a", ONE_JOB));
    const raw = new Database(path);
    raw.run("BEGIN IMMEDIATE");
    await expect(store.createRun(newRun("b", ONE_JOB))).rejects.toEqual(failing("STORE_BUSY"));
    expect((await store.findRuns({})).map(({ id }) => id)).toEqual(["a"]);
    const patient = await openStore({ busyTimeoutMs: 10_000 });
    const creating = patient.createRun(newRun("c", ONE_JOB));
    let ticks = 0;
    while (ticks < 5) {
      await Bun.sleep(10);
      ticks += 1;
    }
    raw.run("COMMIT");
    expect((await creating).number).toBe(2);
    raw.close();
  });
});

describe("several processes on one file", () => {
  test("may make it at the same time", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => inProcess("open")));
    expect(all.every(({ schemaVersion }) => schemaVersion === SCHEMA_VERSION)).toBe(true);
    const store = await openStore();
    expect((await store.createRun(newRun("a", ONE_JOB))).number).toBe(1);
  }, 20_000);

  test("may write at the same time: nothing is lost, numbers are unique", async () => {
    const store = await openStore();
    const writers = Array.from({ length: 8 }, (_, i) => inProcess("write", `writer-${i}`, 10));
    await Promise.all(writers);
    const runs = await store.findRunDetails({});
    expect(runs).toHaveLength(80);
    expect(runs.map(({ run }) => run.number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 80 }, (_, i) => i + 1),
    );
    for (const { run, attempts } of runs) {
      expect(run.status).toBe(run.id.match(/[02468]$/) ? "success" : "failed");
      const { bytes } = await store.readLog({
        jobId: attempts[0]!.jobId,
        attempt: 1,
        offset: 0,
        maxBytes: 100,
      });
      expect(Buffer.from(bytes).toString()).toBe(run.id);
    }
  }, 30_000);

  test("see each other: a run driven there is reported and canceled here", async () => {
    const store = await openStore();
    const driver = inProcess("drive", "driver");
    await store.createRun(newRun("a", ONE_JOB));
    await seen(store, async () => (await store.readRun("a"))?.run.status === "running");
    expect(await store.execute("a", { type: "request_cancel", actor: "me" })).toEqual({
      kind: "done",
      affectedJobs: ["only"],
    });
    await seen(store, async () => (await store.readRun("a"))?.run.status === "canceled");
    await store.createRun(newRun("end", ONE_JOB, { mode: "local" }));
    expect(await driver).toEqual({ answers: ["done"] });
  }, 20_000);
});

/** Waits for `condition` by the store's hints alone. */
async function seen(store: Store, condition: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const hinted = Promise.withResolvers<void>();
    using _watching = store.watch(hinted.resolve);
    if (await condition()) return;
    await hinted.promise;
  }
}
