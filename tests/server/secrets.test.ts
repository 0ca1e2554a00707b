import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { examineSecrets, secretNames, storedSecrets } from "../../src/app/secrets.ts";
import type { RunRecord } from "../../src/run/records.ts";
import { newRun, planOf } from "../support/plans.ts";
import { ServerFixture } from "./fixture.ts";

const REPO = "https://example.org/shop/web";
const VALUE = 'sword\nfish "and" more\n';

let fixture: ServerFixture;
beforeAll(async () => {
  fixture = await ServerFixture.open();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const set = (name: string, body: object) => fixture.ask("setSecret", { params: { secret: name }, body });

/** What a job of this repository would be given. */
async function givenTo(repositoryKey: string, ...names: string[]) {
  const run = newRun("r", planOf([]), {}) as unknown as RunRecord;
  const source = { ...run.source, repo: { key: repositoryKey, name: "x" } };
  return await storedSecrets(fixture.app).read({ ...run, source }, names);
}

describe("the secrets of a server", () => {
  test("are set, listed and removed, and their values are in no answer, no log line and not in the database", async () => {
    await set("TOKEN", { repo: REPO, value: VALUE });
    await set("KEY", { repo: REPO, value: `${VALUE}!`, file: true });
    const { secrets } = await fixture.ask("listSecrets", { query: `repo=${encodeURIComponent(REPO)}` });
    expect(secrets.map(({ name, repo, file }) => [name, repo, file])).toEqual([
      ["KEY", REPO, true],
      ["TOKEN", REPO, false],
    ]);
    const database = (await Promise.all(databaseFiles().map((path) => Bun.file(path).text()))).join("");
    expect(database).toContain("TOKEN");
    const everywhere = database + JSON.stringify([secrets, fixture.logged]);
    for (const part of ["sword", "fish", btoa("sword").slice(0, 6)]) expect(everywhere).not.toContain(part);
    expect((await givenTo(REPO, "TOKEN", "KEY", "OTHER")).get("TOKEN")).toEqual({
      ...{ value: VALUE, file: false, former: [] },
    });
    await fixture.ask("removeSecret", {
      params: { secret: "KEY" },
      query: `repo=${encodeURIComponent(REPO)}`,
    });
    expect((await fixture.ask("listSecrets", {})).secrets.map(({ name }) => name)).toEqual(["TOKEN"]);
    expect(await secretNames(fixture.app, REPO)).toEqual(["TOKEN"]);
    const { KEY, ...given } = Object.fromEntries(await givenTo(REPO, "TOKEN", "KEY"));
    expect(Object.keys(given)).toEqual(["TOKEN"]);
    expect(KEY).toEqual({ value: `${VALUE}!`, file: false, former: [], isRemoved: true });
  });

  test("of all repositories are given to each, unless it has one of its own", async () => {
    await set("SHARED", { value: "for all of them" });
    await set("SHARED", { repo: REPO, value: "for this one alone" });
    expect((await givenTo("/elsewhere", "SHARED")).get("SHARED")?.value).toBe("for all of them");
    expect((await givenTo(REPO, "SHARED")).get("SHARED")).toEqual({
      ...{ value: "for this one alone", file: false, former: ["for all of them"] },
    });
    expect(await secretNames(fixture.app, "/elsewhere")).toEqual(["SHARED"]);
  });

  test("keep what they were before for masking", async () => {
    await set("ROTATED", { repo: REPO, value: "first value" });
    await set("ROTATED", { repo: REPO, value: "second value" });
    expect((await givenTo(REPO, "ROTATED")).get("ROTATED")).toEqual({
      ...{ value: "second value", file: false, former: ["first value"] },
    });
  });

  test("are for administrators", async () => {
    for (const role of ["read", "run"] as const) {
      const asked = { token: fixture.token(role) };
      expect((await fixture.refusal("/api/v1/secrets", asked)).code).toBe("FORBIDDEN");
      const put = { ...asked, method: "PUT", body: { value: "long enough" } };
      expect((await fixture.refusal("/api/v1/secrets/A", put)).code).toBe("FORBIDDEN");
      expect((await fixture.refusal("/api/v1/secrets/A", { ...asked, method: "DELETE" })).code).toBe(
        "FORBIDDEN",
      );
    }
  });

  test.each([
    ["TOKEN", "qwzx", "shorter than 8"],
    ["TOKEN", "    qwzx     ", "shorter than 8"],
    ["TOKEN", "x".repeat(40_000), "longer than 32 KiB"],
  ])("are refused where they could not be masked: %s", async (name, value, why) => {
    const problem = await fixture.refusal(`/api/v1/secrets/${name}`, { method: "PUT", body: { value } });
    expect([problem.status, problem.code]).toEqual([422, "SECRET_REFUSED"]);
    expect(problem.detail).toContain(why);
    expect(JSON.stringify(problem)).not.toContain(value);
  });

  test("have the names of variables, and one that is not there cannot be removed", async () => {
    const put = { method: "PUT", body: { value: "long enough" } };
    expect((await fixture.refusal("/api/v1/secrets/MY-TOKEN", put)).status).toBe(400);
    const problem = await fixture.refusal("/api/v1/secrets/NONE", { method: "DELETE" });
    expect(problem.code).toBe("NOT_FOUND");
  });

  test("do not open with another key", async () => {
    await set("SEALED", { repo: REPO, value: "long enough" });
    const elsewhere = { ...fixture.app, secretKey: () => Buffer.alloc(32, 1) };
    const run = newRun("r", planOf([]), {}) as unknown as RunRecord;
    const source = { ...run.source, repo: { key: REPO, name: "x" } };
    const reading = storedSecrets(elsewhere).read({ ...run, source }, ["SEALED"]);
    expect(reading).rejects.toMatchObject({
      code: "SECRET_KEY_INVALID",
      message: "the secret SEALED cannot be opened: it was sealed with another key",
    });
    await reading.catch(() => {});
    const { count, closed } = await examineSecrets(elsewhere);
    expect(closed).toContain("SEALED");
    expect(await examineSecrets(fixture.app)).toEqual({ count, closed: [] });
  });
});

function databaseFiles(): string[] {
  const { database } = fixture.config;
  if (database.kind !== "sqlite") throw new Error("not a file");
  return [database.path, `${database.path}-wal`];
}
