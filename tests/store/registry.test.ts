import { afterAll, expect, test } from "bun:test";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";
import { registryContract } from "../contract/registry.ts";
import { emptySchema, newSchema } from "../support/postgres.ts";
import { newDatabasePath } from "../support/sqlite.ts";

let schema: ReturnType<typeof newSchema> | undefined;
afterAll(async () => (await schema)?.drop());

registryContract("sqlite", async () => {
  const { path, remove } = newDatabasePath({ inMemory: true });
  const [registry, another] = [await openSqliteStore({ path }), await openSqliteStore({ path })];
  return {
    registry,
    another,
    close: async () => {
      await Promise.all([registry[Symbol.asyncDispose](), another[Symbol.asyncDispose]()]);
      remove();
    },
  };
});

registryContract("postgres", async () => {
  schema ??= newSchema();
  const { url } = await schema;
  const [registry, another] = await Promise.all([openPostgresStore({ url }), openPostgresStore({ url })]);
  return {
    registry,
    another,
    close: async () => {
      await Promise.all([registry[Symbol.asyncDispose](), another[Symbol.asyncDispose]()]);
      await emptySchema(url);
    },
  };
});

test("a worker that was not seen for a day is neither listed nor kept", async () => {
  const { path, remove } = newDatabasePath({ inMemory: true });
  {
    await using registry = await openSqliteStore({ path });
    const report = (name: string) =>
      registry.reportWorker({
        ...{ name, title: name, version: "1", executors: [], labels: [], slots: 1, activeJobs: 0 },
        ...{ state: "stopped", startedAt: 1 },
      });
    await report("old");
    const { Database } = await import("bun:sqlite");
    using raw = new Database(path);
    raw.run("UPDATE workers SET seen_at = seen_at - 86400001");
    expect(await registry.listWorkers()).toEqual([]);
    await report("new");
    expect(raw.query("SELECT name FROM workers").all()).toEqual([{ name: "new" }]);
  }
  remove();
});

test("a worker that has not reported for 30 s counts as stopped", async () => {
  const { url, drop } = await newSchema();
  {
    await using registry = await openPostgresStore({ url });
    await registry.reportWorker({
      ...{ name: "a", title: "a", version: "1", executors: [], labels: [], slots: 1, activeJobs: 0 },
      ...{ state: "active", startedAt: 1 },
    });
    const states = async () => (await registry.listWorkers()).map(({ state }) => state);
    expect(await states()).toEqual(["active"]);
    const { default: postgres } = await import("postgres");
    const raw = postgres(url, { max: 1, onnotice: () => {} });
    await raw`UPDATE workers SET seen_at = seen_at - 30001`;
    await raw.end();
    expect(await states()).toEqual(["stopped"]);
  }
  await drop();
}, 60_000);
