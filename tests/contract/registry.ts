import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Registry, WorkerRecord } from "../../src/run/registry.ts";
import { eventually } from "../support/eventually.ts";
import { deliveryContract } from "./deliveries.ts";
import { secretContract } from "./secrets.ts";

/** An empty registry; `another` is the same data as a second process would open it. */
export interface RegistryFixture {
  registry: Registry;
  another: Registry;
  close(): Promise<void>;
}

/** The registry contract (`src/run/registry.ts`), which every adapter passes. */
export function registryContract(name: string, open: () => Promise<RegistryFixture>): void {
  describe(`registry contract: ${name}`, () => {
    let fixture: RegistryFixture;
    beforeEach(async () => {
      fixture = await open();
    }, 60_000);
    afterEach(() => fixture.close());
    const under = {
      get registry() {
        return fixture.registry;
      },
      get another() {
        return fixture.another;
      },
    };
    tokenContract(under);
    workerContract(under);
    repositoryContract(under);
    scheduleContract(under);
    deliveryContract(under);
    secretContract(under);
  });
}

type Under = Readonly<Pick<RegistryFixture, "registry" | "another">>;

const token = (id: string, change: Partial<Parameters<Registry["createToken"]>[0]> = {}) => ({
  id,
  name: id,
  role: "run" as const,
  hash: `hash of ${id}`,
  expiresAt: null,
  ...change,
});

function tokenContract(under: Under): void {
  describe("tokens", () => {
    test("are found by their hash until they are revoked, by name or by id", async () => {
      const { registry, another } = under;
      expect(await registry.createToken(token("a", { role: "admin" }))).toBe(true);
      expect(await registry.createToken(token("b"))).toBe(true);
      const found = (await another.findToken("hash of a"))!;
      expect(found).toEqual({ ...token("a"), role: "admin", createdAt: found.createdAt, revokedAt: null });
      expect(Math.abs(found.createdAt - Date.now())).toBeLessThan(60_000);
      expect(await another.findToken("hash")).toBeUndefined();
      expect(await another.revokeToken("a")).toBe(true);
      expect(await registry.findToken("hash of a")).toBeUndefined();
      expect(await registry.revokeToken("a")).toBe(false);
      expect(await registry.createToken(token("c", { name: "named" }))).toBe(true);
      expect(await another.revokeToken("c")).toBe(true);
      const listed = await registry.listTokens();
      expect(listed.map(({ id, revokedAt }) => [id, revokedAt !== null])).toEqual([
        ["a", true],
        ["b", false],
        ["c", true],
      ]);
    });

    test("that have expired are not found, but listed", async () => {
      const { registry, another } = under;
      await registry.createToken(token("old", { expiresAt: Date.now() - 60_000 }));
      await registry.createToken(token("young", { expiresAt: Date.now() + 60_000 }));
      expect(await another.findToken("hash of old")).toBeUndefined();
      expect(await another.findToken("hash of young")).toMatchObject({ id: "young" });
      expect(await another.listTokens()).toHaveLength(2);
    });

    test("have names that are free again once they are revoked; the same call again changes nothing", async () => {
      const { registry, another } = under;
      expect(await registry.createToken(token("a", { name: "ci" }))).toBe(true);
      expect(await another.createToken(token("b", { name: "ci" }))).toBe(false);
      expect(await another.findToken("hash of b")).toBeUndefined();
      expect(await another.createToken(token("a", { name: "ci" }))).toBe(true);
      await registry.revokeToken("ci");
      expect(await another.createToken(token("b", { name: "ci" }))).toBe(true);
      const names = (await registry.listTokens()).map(({ id, name }) => [id, name]);
      expect(names.sort()).toEqual([
        ["a", "ci"],
        ["b", "ci"],
      ]);
    });

    test("of one name are made once, however many make them at the same time", async () => {
      const made = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          (i % 2 ? under.registry : under.another).createToken(token(`t${i}`, { name: "ci" })),
        ),
      );
      expect(made.filter(Boolean)).toHaveLength(1);
      expect(await under.registry.listTokens()).toHaveLength(1);
    });

    test("the first is made once, however many make it at the same time, and never again", async () => {
      const { registry, another } = under;
      const ids = Array.from({ length: 12 }, (_, i) => `t${i}`);
      const made = await Promise.all(
        ids.map((id, i) => (i % 2 ? registry : another).createFirstToken(token(id))),
      );
      expect(made.filter(Boolean)).toHaveLength(1);
      const [first] = await registry.listTokens();
      expect(first!.id).toBe(ids[made.indexOf(true)]!);
      expect(await another.createFirstToken(token(first!.id))).toBe(true);
      await registry.revokeToken(first!.id);
      expect(await another.createFirstToken(token("late"))).toBe(false);
      expect(await another.listTokens()).toHaveLength(1);
    });
  });
}

function workerContract(under: Under): void {
  const worker = (name: string, change: Partial<WorkerRecord> = {}) => ({
    name,
    title: "host",
    version: "1.0.0",
    executors: ["docker" as const],
    labels: ["linux", "a,b"],
    slots: 4,
    activeJobs: 0,
    state: "active" as const,
    startedAt: 1_000,
    ...change,
  });

  test("workers report themselves, each in its own row, and are listed by title and name", async () => {
    const { registry, another } = under;
    await registry.reportWorker(worker("host@2"));
    await registry.reportWorker(worker("box@9", { title: "box" }));
    await another.reportWorker(worker("host@1"));
    const [box, ...hosts] = await another.listWorkers();
    expect([box, ...hosts].map((row) => row!.name)).toEqual(["box@9", "host@1", "host@2"]);
    expect(hosts[0]).toEqual({ ...worker("host@1"), seenAt: hosts[0]!.seenAt });
    expect(Math.abs(hosts[0]!.seenAt - Date.now())).toBeLessThan(60_000);
    const draining = worker("host@1", { state: "draining", activeJobs: 3, executors: [], labels: [] });
    await eventually(async () => {
      await registry.reportWorker(draining);
      const now = (await another.listWorkers())[1]!;
      expect(now).toEqual({ ...draining, seenAt: now.seenAt });
      return now.seenAt > hosts[0]!.seenAt;
    });
    expect(await registry.listWorkers()).toHaveLength(3);
  });
}

const repository = (id: string, change: Partial<Parameters<Registry["addRepository"]>[0]> = {}) => ({
  id,
  key: `https://example.org/${id}`,
  name: id,
  url: `https://example.org/${id}.git`,
  defaultBranch: null,
  webhookSecret: `secret of ${id}`,
  ...change,
});

function repositoryContract(under: Under): void {
  describe("repositories", () => {
    test("are found by id and by key, and listed by key", async () => {
      const { registry, another } = under;
      expect(await registry.addRepository(repository("b"))).toBe(true);
      expect(await registry.addRepository(repository("a"))).toBe(true);
      const found = (await another.findRepository({ id: "a" }))!;
      expect(found).toEqual({ ...repository("a"), createdAt: found.createdAt });
      expect(await another.findRepository({ key: found.key })).toEqual(found);
      expect(await another.findRepository({ id: "none" })).toBeUndefined();
      expect((await another.listRepositories()).map(({ id }) => id)).toEqual(["a", "b"]);
      await registry.setDefaultBranch("a", "trunk");
      expect(await another.findRepository({ id: "a" })).toMatchObject({ defaultBranch: "trunk" });
      expect(await another.removeRepository("a")).toBe(true);
      expect(await registry.removeRepository("a")).toBe(false);
      expect(await registry.findRepository({ id: "a" })).toBeUndefined();
    });

    test("of one key are added once, however many add them at the same time", async () => {
      const made = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 ? under.registry : under.another).addRepository(repository(`r${i}`, { key: "same" })),
        ),
      );
      expect(made.filter(Boolean)).toHaveLength(1);
      const kept = (await under.registry.findRepository({ key: "same" }))!;
      expect(kept.id).toBe(`r${made.indexOf(true)}`);
      expect(await under.another.addRepository(repository(kept.id, { key: "same" }))).toBe(true);
    });
  });
}

function scheduleContract(under: Under): void {
  const schedule = (id: string, change: Partial<Parameters<Registry["replaceSchedules"]>[1][0]> = {}) => ({
    id,
    pipeline: "web",
    cron: "0 3 * * *",
    timezone: "UTC",
    branch: null,
    nextAt: 1_000,
    ...change,
  });
  const ids = async () => (await under.another.listSchedules()).map(({ id }) => id);

  describe("schedules", () => {
    beforeEach(async () => {
      await under.registry.addRepository(repository("a"));
      await under.registry.addRepository(repository("b"));
    });

    test("are replaced as a whole; one that stays the same keeps its id and its next moment", async () => {
      const { registry, another } = under;
      const [nightly, hourly] = [schedule("1"), schedule("2", { cron: "0 * * * *", branch: "dev" })];
      await registry.replaceSchedules("a", [nightly, hourly]);
      await registry.replaceSchedules("b", [schedule("3")]);
      expect(await another.listSchedules()).toEqual([
        { ...hourly, repositoryId: "a" },
        { ...nightly, repositoryId: "a" },
        { ...schedule("3"), repositoryId: "b" },
      ]);
      const again = { ...nightly, id: "4", nextAt: 9_000 };
      const moved = { ...hourly, id: "5", timezone: "Europe/Berlin" };
      await another.replaceSchedules("a", [again, moved, { ...moved, id: "6" }]);
      const [berlin, kept, other] = await registry.listSchedules();
      expect(kept).toEqual({ ...nightly, repositoryId: "a" });
      expect(berlin).toMatchObject({ cron: "0 * * * *", timezone: "Europe/Berlin", branch: "dev" });
      expect(other!.id).toBe("3");
      await registry.replaceSchedules("a", []);
      expect(await ids()).toEqual(["3"]);
      await registry.removeRepository("b");
      expect(await ids()).toEqual([]);
      await registry.replaceSchedules("b", [schedule("3")]);
      expect(await ids()).toEqual([]);
    });

    test("that two servers replace at the same time are there once", async () => {
      const crons = ["0 1 * * *", "0 2 * * *", "0 3 * * *"];
      await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          (i % 2 ? under.registry : under.another).replaceSchedules(
            "a",
            crons.map((cron, n) => schedule(`${i}-${n}`, { cron })),
          ),
        ),
      );
      expect((await under.registry.listSchedules()).map(({ cron }) => cron)).toEqual(crons);
    });

    test("that are due come oldest first, with what the database's clock says", async () => {
      const { registry, another } = under;
      const late = Date.now() + 3_600_000;
      await registry.replaceSchedules("a", [
        schedule("later", { pipeline: "x", nextAt: 2_000 }),
        schedule("future", { pipeline: "y", nextAt: late }),
        schedule("sooner", { pipeline: "z", nextAt: 1_000 }),
      ]);
      const { due, now } = await another.findDueSchedules();
      expect(due.map(({ id }) => id)).toEqual(["sooner", "later"]);
      expect(due[0]!.repositoryId).toBe("a");
      expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
    });

    test("are moved on once, however many move them at the same time", async () => {
      await under.registry.replaceSchedules("a", [schedule("1")]);
      for (const from of [1_000, 2_000, 3_000]) {
        const moved = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            (i % 2 ? under.registry : under.another).moveSchedule("1", from, from + 1_000),
          ),
        );
        expect(moved.filter(Boolean)).toHaveLength(1);
      }
      expect((await under.another.listSchedules())[0]!.nextAt).toBe(4_000);
      expect(await under.another.moveSchedule("none", 1_000, 2_000)).toBe(false);
    });
  });
}
