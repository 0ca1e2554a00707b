import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import postgres from "postgres";
import type { Store } from "../../src/run/store.ts";
import { SCHEMA_VERSION } from "../../src/store/postgres/migrate.ts";
import { openPostgresStore, type PostgresOptions } from "../../src/store/postgres/open-postgres-store.ts";
import { claim, claimed, finishedRun, ONE_JOB, started } from "../contract/store/acts.ts";
import { eventually } from "../support/eventually.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";
import { newSchema } from "../support/postgres.ts";

let schema: Awaited<ReturnType<typeof newSchema>>;
let raw: postgres.Sql;
const open: Store[] = [];

beforeEach(async () => {
  schema = await newSchema();
  raw = postgres(schema.url, { max: 2, onnotice: () => {} });
}, 60_000);

afterEach(async () => {
  for (const store of open.splice(0)) await store[Symbol.asyncDispose]();
  await raw.end();
  await schema.drop();
});

afterAll(() => expect(open).toEqual([]));

async function openStore(options: Partial<PostgresOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({ url: schema.url, ...options });
  open.push(store);
  return store;
}

const failing = (code: string) => expect.objectContaining({ name: "CicdError", code });

describe("a PostgreSQL store's schema", () => {
  test("is made once by many who open it at the same time", async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => openStore()));
    const runs = await Promise.all(stores.map((store, i) => store.createRun(newRun(`r${i}`, ONE_JOB))));
    expect(runs.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await stores[0]!.describe()).toMatchObject({ kind: "postgres", schemaVersion: SCHEMA_VERSION });
  });

  test("of a newer cicd is refused", async () => {
    await openStore();
    await raw`UPDATE cicd_schema SET version = 99`;
    await expect(openStore()).rejects.toEqual(failing("STORE_SCHEMA_NEWER"));
  });

  test("with somebody else's tables is refused and left as it was", async () => {
    await raw`CREATE TABLE runs (id integer)`;
    await expect(openStore()).rejects.toEqual(failing("STORE_CORRUPT"));
    const tables =
      await raw`SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace`;
    expect(tables.map(({ relname }) => relname)).toEqual(["runs"]);
  });

  test("that does not exist is said to be missing", async () => {
    const url = schema.url.replace(schema.schema, "no_such_schema");
    await expect(openStore({ url })).rejects.toEqual(failing("STORE_UNREACHABLE"));
  });
});

describe("a PostgreSQL store that cannot be reached", () => {
  const withPassword = (change: (url: URL) => void) => {
    const url = new URL(schema.url);
    url.password = "hunter2secret";
    change(url);
    return url.href;
  };

  test("says so, without the password", async () => {
    const urls = [
      withPassword(() => {}),
      withPassword((url) => {
        url.port = "1";
      }),
      withPassword((url) => {
        url.pathname = "/no_such_database";
        url.password = new URL(schema.url).password;
      }),
      "postgres://user:hunter2secret@[bad/database",
      "postgres://user:hunter2secret%zz@127.0.0.1/database",
      "mysql://user:hunter2secret@127.0.0.1/database",
    ];
    for (const url of urls) {
      const error = await openPostgresStore({ url, patienceMs: 0 }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toEqual(failing("STORE_UNREACHABLE"));
      const everything = inspect(error, { depth: 10, showHidden: true });
      expect(everything).not.toContain("hunter2secret");
      expect(everything).not.toContain(new URL(schema.url).password);
    }
  });

  test("after it was closed", async () => {
    const store = await openPostgresStore({ url: schema.url });
    await store[Symbol.asyncDispose]();
    await expect(store.findRuns({})).rejects.toEqual(failing("STORE_UNREACHABLE"));
  });

  test("reads again when its connections were cut, and tells watchers again", async () => {
    const store = await openStore({ pollMs: 60_000 });
    await store.createRun(newRun("a", ONE_JOB));
    let hints = 0;
    using _watching = store.watch(() => {
      hints += 1;
    });
    await eventually(() => hints > 0);
    const before = hints;
    const cut = await raw`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'cicd' AND datname = current_database()`;
    expect(cut.length).toBeGreaterThanOrEqual(2);
    expect((await store.findRuns({})).map(({ id }) => id)).toEqual(["a"]);
    await eventually(() => hints > before);
    const relistened = hints;
    const another = await openStore();
    await another.createRun(newRun("b", ONE_JOB));
    await eventually(() => hints > relistened);
  }, 20_000);
});

describe("a PostgreSQL store", () => {
  test("refuses to change a finished attempt, whoever asks", async () => {
    const store = await openStore();
    await finishedRun(store, "a");
    await store.createRun(newRun("b", ONE_JOB));
    await claimed(store);
    const change = () => raw`UPDATE attempts SET exit_code = 5 WHERE run_id = 'a'`;
    await expect(change().execute()).rejects.toThrow("never changes");
    const reopen = () => raw`UPDATE attempts SET outcome = NULL, finished_at = NULL WHERE run_id = 'a'`;
    await expect(reopen().execute()).rejects.toThrow("never changes");
    expect((await raw`UPDATE attempts SET message = 'x' WHERE run_id = 'b'`).count).toBe(1);
  });

  test("tells of other processes' changes by notification, and by polling where that is off", async () => {
    const listening = await openStore({ pollMs: 60_000 });
    const polling = await openStore({ notifications: false, pollMs: 30 });
    const writer = await openStore();
    for (const store of [listening, polling]) {
      let hints = 0;
      using _watching = store.watch(() => {
        hints += 1;
      });
      await eventually(async () => {
        await writer.createRun(newRun(crypto.randomUUID(), ONE_JOB));
        return hints > 0;
      });
    }
  }, 20_000);

  test("stores text with U+0000 as far as the database can", async () => {
    const store = await openStore();
    await store.createRun(newRun("a", planOf([plannedJob("only", { script: ["printf '\u0000'"] })])));
    const lease = await started(store);
    const outcome = { status: "failed", exitCode: 1, failureReason: "script_failure" } as const;
    const rest = { message: "got \u0000", logBytes: 0, logSha256: null, artifactLayer: null, artifacts: [] };
    await store.execute("a", { type: "finish", lease, outcome: { ...outcome, ...rest } });
    const read = await (await openStore()).readRun("a");
    expect(read?.attempts[0]?.message).toBe("got \ufffd");
    expect(read?.run.plan.jobs[0]?.script).toEqual(["printf '\u0000'"]);
  });

  test("passes over the jobs of a run that somebody is changing, and waits where there are no others", async () => {
    const store = await openStore({ url: `${schema.url}&lock_timeout=300`, patienceMs: 300 });
    await store.createRun(newRun("a", planOf([plannedJob("x"), plannedJob("y")])));
    await eventually(
      async () =>
        (
          await raw`SELECT (max(queued_at) + 5 < extract(epoch FROM clock_timestamp()) * 1000) AS late FROM jobs`
        )[0]?.late,
    );
    await store.createRun(newRun("b", ONE_JOB));
    await raw.begin(async (holder) => {
      await holder`SELECT 1 FROM runs WHERE id = 'a' FOR UPDATE`;
      expect(await claim(store)).toMatchObject({ runId: "b" });
      await expect(claim(store)).rejects.toEqual(failing("STORE_BUSY"));
      await expect(store.execute("a", { type: "request_cancel", actor: "me" })).rejects.toEqual(
        failing("STORE_BUSY"),
      );
    });
    expect(await claim(store)).toMatchObject({ runId: "a", jobId: "a-0" });
  });
});
