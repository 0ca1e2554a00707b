import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DeliveryDesk } from "../../src/app/delivery-desk.ts";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";
import { eventually } from "../support/eventually.ts";
import { newSchema } from "../support/postgres.ts";
import { type Place, pipeline } from "./fixture.ts";
import { githubPush } from "./payloads.ts";
import { fixtures } from "./places.ts";

const places = fixtures();
afterEach(() => places.end());

const WEB = { web: pipeline("web", "push") };

function event(place: Place, branch = "main") {
  return { kind: "push" as const, branch, commit: place.upstream.git("rev-parse", branch), before: null };
}

const delivery = (place: Place, id: string) => ({
  ...{ id, hostId: id, repositoryId: place.repository.id, digest: null },
  event: event(place),
});

describe("what was recorded and not acted upon", () => {
  test("by a server that died is acted upon by another, once", async () => {
    const place = await places.make(WEB);
    const registry = await place.app.registry();
    await registry.recordDelivery(delivery(place, "1"));
    // The server that has it dies; half of what it did is there.
    const claimed = (await registry.claimDelivery(300))!;
    expect(claimed.id).toBe("1");
    place.desk.wake();
    const record = await eventually(async () => {
      place.desk.wake();
      const found = await registry.findDelivery("1");
      return found?.result === null ? undefined : found;
    });
    expect(record).toMatchObject({ attempts: 2, result: { runs: [{ pipeline: "web", number: 1 }] } });
    expect(await place.runs()).toHaveLength(1);
  });

  test("is tried again while the repository's host is away, and given back when the server ends", async () => {
    const place = await places.make(WEB);
    const registry = await place.app.registry();
    const payload = githubPush({ ref: "refs/heads/main", after: place.upstream.git("rev-parse", "HEAD") });
    place.upstream.hide();
    const answer = await place.github("push", payload, { delivery: "x" });
    expect(answer).toMatchObject({
      status: 202,
      body: { accepted: true, message: "it is recorded, and acted upon soon" },
    });
    expect(place.log.some(({ text }) => text.startsWith("It is tried again: "))).toBe(true);
    place.upstream.show();
    const { id } = (await registry.listDeliveries(place.repository.id, 1))[0]!;
    await eventually(
      async () => {
        place.desk.wake();
        return (await registry.findDelivery(id))!.result !== null;
      },
      { withinMs: 15_000 },
    );
    expect(await place.runs()).toHaveLength(1);
  });

  test("of one repository is acted upon in order, by several servers too", async () => {
    const place = await places.make(WEB);
    const registry = await place.app.registry();
    for (const id of ["1", "2", "3", "4"]) await registry.recordDelivery(delivery(place, id));
    await using another = new DeliveryDesk(place.app, place.options);
    for (const desk of [place.desk, another, place.desk, another]) desk.wake();
    const runs = await eventually(async () => {
      for (const desk of [place.desk, another]) desk.wake();
      const found = await place.runs();
      return found.length === 4 ? found : undefined;
    });
    expect(runs.map((run) => run.delivery)).toEqual(["1", "2", "3", "4"].map((id) => `webhook:${id}`));
  });
});

describe("a delivery that fails", () => {
  const push = (place: Place, message = "Change") => {
    const after = place.upstream.git("rev-parse", "HEAD");
    return place.github("push", githubPush({ ref: "refs/heads/main", after, message }));
  };

  test("for what the database refuses is over at once, and holds up none", async () => {
    const place = await places.make(WEB);
    const database = new Database(join(place.root, "cicd.db"));
    database.run(
      "CREATE TRIGGER refuse BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    expect((await push(place)).body.notes).toEqual([expect.stringMatching(/not this one \[STORE_FAILED\]$/)]);
    database.run("DROP TRIGGER refuse");
    database.close();
    expect((await push(place, "Another")).body.runs).toHaveLength(1);
  });

  test("for a name that no database keeps is over at once: the file is told to be invalid", async () => {
    const place = await places.make({ web: pipeline("web", "push").replace(" a:", ' "j\\ud800":') });
    expect((await push(place)).body.notes).toEqual([
      expect.stringContaining("U+D800 is half of a character [CONFIG_SYNTAX]"),
    ]);
  });

  test("again and again lets later ones pass, and does nothing to them when it comes right", async () => {
    const place = await places.make({ web: pipeline("web", "push", ", interruptible: true") });
    const registry = await place.app.registry();
    for (const id of ["1", "2"]) await registry.recordDelivery(delivery(place, id));
    for (let attempt = 1; attempt <= 3; attempt++) {
      await registry.claimDelivery(60_000);
      await registry.postponeDelivery("1", attempt, 0);
    }
    expect((await registry.claimDelivery(60_000))!.id).toBe("1");
    place.desk.wake();
    await eventually(async () => (await registry.findDelivery("2"))!.result !== null);
    await registry.postponeDelivery("1", 4, 0);
    place.desk.wake();
    await eventually(async () => (await registry.findDelivery("1"))!.result !== null);
    const runs = await place.runs();
    expect(runs.map((run) => `${run.delivery} ${run.status}`)).toEqual([
      "webhook:2 pending",
      "webhook:1 pending",
    ]);
  });
});

test("a burst of 50 deliveries, each of ten five times, makes ten runs in a row", async () => {
  const schema = await newSchema();
  const place = await places.make(WEB, schema.url);
  const after = place.upstream.git("rev-parse", "HEAD");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => {
      const message = `Change ${index % 10}`;
      return place.github("push", githubPush({ ref: "refs/heads/main", after, message }));
    }),
  );
  expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
  expect(answers.filter(({ body }) => body.accepted)).toHaveLength(10);
  await eventually(async () => (await place.runs()).length === 10, { withinMs: 40_000, everyMs: 100 });
  const runs = await place.runs();
  expect(new Set(runs.map(({ delivery }) => delivery)).size).toBe(10);
  expect(runs.map(({ number }) => number)).toEqual(Array.from({ length: 10 }, (_, index) => index + 1));
  await places.end();
  await schema.drop();
}, 60_000);

describe("a newer run", () => {
  const JOBS = `
stages: [test, deploy]
jobs:
  check: { stage: test, script: ls, interruptible: true }
  release: { stage: deploy, script: ls }
`;
  const push = (place: Place, branch: string, message: string) =>
    place.github("push", {
      ...githubPush({ ref: `refs/heads/${branch}`, after: place.upstream.git("rev-parse", branch), message }),
    });
  const states = async (place: Place) =>
    (await place.runs()).map((run) => `#${run.number} ${run.source.branch} ${run.status}`);

  test("cancels older ones of its branch that have not begun anything that may not be interrupted", async () => {
    const place = await places.make({ web: `name: web\non: push\n${JOBS}` });
    place.upstream.git("branch", "dev");
    await push(place, "main", "1");
    await push(place, "dev", "2");
    const { body } = await push(place, "main", "3");
    expect(body.notes).toEqual(["canceled run #1 of web: #3 is newer"]);
    expect(await states(place)).toEqual(["#1 main canceled", "#2 dev pending", "#3 main pending"]);
    const store = await place.app.store();
    const [first] = await place.runs();
    const events = await store.readEvents(first!.id, 0, 100);
    expect(events.find(({ type }) => type === "run.cancel_requested")!.data).toEqual({
      actor: "run #3 of web",
    });
  });

  test("leaves alone what deploys, what is not interruptible at all, and other pipelines", async () => {
    const place = await places.make({
      "a-web": `name: web\non: push\n${JOBS}`,
      plain: pipeline("plain", "push"),
      other: pipeline("other", "push", ", interruptible: true"),
    });
    await push(place, "main", "1");
    const store = await place.app.store();
    const web = (await place.runs()).find((run) => run.pipeline === "web")!;
    const scope = { kind: "runs" as const, runIds: [web.id] };
    for (const job of ["check", "release"]) {
      const lease = (await store.claimJob({ worker: "w", token: job, leaseMs: 60_000, scope }))!;
      await store.execute(web.id, { type: "start", lease, containerName: job });
      const outcome = {
        ...{ status: "success" as const, exitCode: 0, failureReason: null, message: null, logBytes: 0 },
        ...{ logSha256: null, artifactLayer: null, artifacts: [] },
      };
      if (job === "check") await store.execute(web.id, { type: "finish", lease, outcome });
    }
    const { body } = await push(place, "main", "2");
    expect(body.notes).toEqual(["canceled run #1 of other: #2 is newer"]);
    expect((await store.readRun(web.id))!.run).toMatchObject({ status: "running", cancelRequestedAt: null });
  });

  test("cancels one whose interruptible job runs", async () => {
    const place = await places.make({ web: `name: web\non: push\n${JOBS}` });
    await push(place, "main", "1");
    const store = await place.app.store();
    const [run] = await place.runs();
    const scope = { kind: "runs" as const, runIds: [run!.id] };
    const lease = (await store.claimJob({ worker: "w", token: "t", leaseMs: 60_000, scope }))!;
    await store.execute(run!.id, { type: "start", lease, containerName: "c" });
    await push(place, "main", "2");
    expect((await store.readRun(run!.id))!.jobs.map(({ cancelRequested }) => cancelRequested)[0]).toBe(true);
  });
});

test("a delivery is in the database before it is answered", async () => {
  const place = await places.make(WEB);
  const after = place.upstream.git("rev-parse", "HEAD");
  place.upstream.hide();
  await place.github("push", githubPush({ ref: "refs/heads/main", after }), { delivery: "kept" });
  const { database } = place.config;
  await using other = await openSqliteStore({ path: database.kind === "sqlite" ? database.path : "" });
  expect((await other.listDeliveries(place.repository.id, 10)).map(({ hostId }) => hostId)).toEqual(["kept"]);
});
