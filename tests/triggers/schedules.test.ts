import { afterEach, describe, expect, test } from "bun:test";
import {
  addRepository,
  listSchedules,
  refreshRepository,
  removeRepository,
} from "../../src/app/repositories.ts";
import { type FirstFailures, runSchedules } from "../../src/app/run-schedules.ts";
import { watchTriggers } from "../../src/app/watch-triggers.ts";
import { composeApp } from "../../src/compose-app.ts";
import { eventually } from "../support/eventually.ts";
import { EXECUTOR, never, type Place, pipeline } from "./fixture.ts";
import { githubPush } from "./payloads.ts";
import { fixtures } from "./places.ts";

const places = fixtures();
afterEach(() => places.end());

const NIGHTLY = {
  nightly: pipeline("nightly", '{ schedule: [{ cron: "30 2 * * *", timezone: Europe/Berlin }] }'),
};
const HOUR_MS = 3_600_000;

/** Makes all schedules fall due, as if that moment had come. */
async function makeDue(place: Place, moment = Date.now() - 1_000): Promise<void> {
  const registry = await place.app.registry();
  for (const { id, nextAt } of await registry.listSchedules())
    await registry.moveSchedule(id, nextAt, moment);
}

const schedules = async (place: Place) =>
  (await listSchedules(place.app)).map(({ pipeline, cron, timezone, branch }) => [
    pipeline,
    cron,
    timezone,
    branch,
  ]);

describe("a repository that is added", () => {
  test("is known by its default branch, with its schedules, once", async () => {
    const place = await places.make(NIGHTLY);
    const registry = await place.app.registry();
    const [record] = await registry.listRepositories();
    expect(record).toMatchObject({ name: "octo/web", defaultBranch: "main", url: place.upstream.url });
    expect(place.repository.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await schedules(place)).toEqual([["nightly", "30 2 * * *", "Europe/Berlin", null]]);
    const nextAt = (await registry.listSchedules())[0]!.nextAt;
    expect(nextAt - Date.now()).toBeGreaterThan(0);
    expect(nextAt - Date.now()).toBeLessThanOrEqual(25 * HOUR_MS);
    const request = { url: place.upstream.url, name: null, webhookSecret: null };
    const options = { executor: EXECUTOR, baseUrl: "https://x" };
    expect(addRepository(place.app, request, options, never)).rejects.toMatchObject({ code: "USAGE" });
    await removeRepository(place.app, "octo/web");
    expect(await listSchedules(place.app)).toEqual([]);
    expect(removeRepository(place.app, "octo/web")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("is refused where a server may not clone it, with a password, or without a branch", async () => {
    const place = await places.make(NIGHTLY);
    const options = { executor: EXECUTOR, baseUrl: "https://x" };
    await using guarded = composeApp(place.config, { PATH: process.env.PATH }, "serve");
    const add = (url: string, app = guarded) =>
      addRepository(app, { url, name: null, webhookSecret: null }, options, never).then(
        () => "added",
        (error: { code: string }) => error.code,
      );
    expect(await add(place.upstream.url)).toBe("GIT_URL_REFUSED");
    expect(await add("https://127.0.0.1/x.git")).toBe("GIT_URL_REFUSED");
    expect(await add("https://[::1]/x.git")).toBe("GIT_URL_REFUSED");
    expect(await add("http://10.0.0.1/x.git")).toBe("GIT_URL_REFUSED");
    expect(await add("ext::sh -c id")).toBe("GIT_URL_REFUSED");
    expect(await add("/etc")).toBe("GIT_NOT_A_REPOSITORY");
    expect(await add(place.upstream.path, place.app)).toBe("GIT_URL_REFUSED");
    expect(await add("https://user:password@example.org/x.git")).toBe("USAGE");
    place.upstream.git("checkout", "-q", "--orphan", "other");
    place.upstream.git("branch", "-D", "main");
    expect(await add(`${place.upstream.url}/../web`, place.app)).toBe("GIT_REF_NOT_FOUND");
  });
});

describe("the schedules", () => {
  test("follow pushes to the default branch and to no other; a file with errors keeps its own", async () => {
    const place = await places.make(NIGHTLY);
    const push = (branch: string) =>
      place.github(
        "push",
        githubPush({ ref: `refs/heads/${branch}`, after: place.upstream.git("rev-parse", branch) }),
      );
    const [before] = await listSchedules(place.app);
    place.upstream.git("checkout", "-q", "-b", "dev");
    place.upstream.pipelines({ other: pipeline("other", '{ schedule: [{ cron: "0 0 * * *" }] }') });
    await push("dev");
    expect(await listSchedules(place.app)).toEqual([before!]);
    place.upstream.git("checkout", "-q", "main");
    place.upstream.pipelines({
      nightly: NIGHTLY.nightly.replace("jobs:", "jbos:"),
      weekly: pipeline("weekly", '{ schedule: [{ cron: "0 0 * * 1", branch: release }] }'),
    });
    await push("main");
    expect(await listSchedules(place.app)).toEqual([
      before!,
      expect.objectContaining({ pipeline: "weekly", timezone: "UTC", branch: "release" }),
    ]);
    place.upstream.commit({ ".cicd-pipelines/nightly.yml": null });
    const [record] = await (await place.app.registry()).listRepositories();
    await refreshRepository(place.app, record!, place.options, never);
    expect(await schedules(place)).toEqual([["weekly", "0 0 * * 1", "UTC", "release"]]);
  });

  test("of a file in which not even the name can be read stay; valid files have theirs anew", async () => {
    const WEEKLY = pipeline("weekly", '{ schedule: [{ cron: "0 0 * * 1" }] }');
    const place = await places.make({ ...NIGHTLY, weekly: WEEKLY });
    const [before] = await listSchedules(place.app);
    expect(before!.pipeline).toBe("nightly");
    const after = place.upstream.pipelines({
      nightly: `${NIGHTLY.nightly}x: "`,
      weekly: WEEKLY.replace("* * 1", "* * 2"),
    });
    await place.github("push", githubPush({ ref: "refs/heads/main", after }));
    expect(await listSchedules(place.app)).toEqual([
      before!,
      expect.objectContaining({ pipeline: "weekly", cron: "0 0 * * 2" }),
    ]);
    await makeDue(place);
    await runSchedules(place.app, new Map(), place.options, never);
    expect((await place.runs()).map((run) => run.pipeline)).toEqual(["weekly"]);
    expect(place.log.map(({ text }) => text).join("\n")).toMatch(/nightly.yml is invalid, .*CONFIG_SYNTAX/);
  });

  test("go with the last pipeline", async () => {
    const place = await places.make(NIGHTLY);
    const after = place.upstream.commit({ ".cicd-pipelines/nightly.yml": null });
    await place.github("push", githubPush({ ref: "refs/heads/main", after }));
    expect(await listSchedules(place.app)).toEqual([]);
  });

  test("follow a default branch of another name when the repository is read anew", async () => {
    const place = await places.make(NIGHTLY);
    place.upstream.git("branch", "-m", "main", "trunk");
    const registry = await place.app.registry();
    const [record] = await registry.listRepositories();
    await refreshRepository(place.app, record!, place.options, never);
    expect((await registry.listRepositories())[0]!.defaultBranch).toBe("trunk");
  });
});

describe("a schedule that falls due", () => {
  test("makes one run of the newest commit, and moves on to its next moment", async () => {
    const place = await places.make(NIGHTLY);
    const commit = place.upstream.commit({ x: "1" });
    await runSchedules(place.app, new Map(), place.options, never);
    expect(await place.runs()).toEqual([]);
    await makeDue(place);
    await runSchedules(place.app, new Map(), place.options, never);
    await runSchedules(place.app, new Map(), place.options, never);
    const runs = await place.runs();
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      ...{ trigger: "schedule", mode: "queue", pipeline: "nightly" },
      source: { branch: "main", commit, repo: { name: "octo/web" } },
    });
    expect(runs[0]!.delivery).toMatch(/^schedule:[a-z0-9]+:\d+$/);
    const nextAt = (await (await place.app.registry()).listSchedules())[0]!.nextAt;
    expect(nextAt).toBeGreaterThan(Date.now());
    expect(new Date(nextAt).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" })).toBe("02:30:00");
  });

  test("and was missed for days makes one run, not many", async () => {
    const place = await places.make(NIGHTLY);
    await makeDue(place, Date.now() - 5 * 24 * HOUR_MS);
    await runSchedules(place.app, new Map(), place.options, never);
    await runSchedules(place.app, new Map(), place.options, never);
    expect(await place.runs()).toHaveLength(1);
  });

  test("makes one run, however many servers see it, and where one died between run and next moment", async () => {
    const place = await places.make(NIGHTLY);
    const moment = Date.now() - 1_000;
    await makeDue(place, moment);
    await Promise.all(
      Array.from({ length: 4 }, () => runSchedules(place.app, new Map(), place.options, never)),
    );
    expect(await place.runs()).toHaveLength(1);
    await makeDue(place, moment);
    await runSchedules(place.app, new Map(), place.options, never);
    expect(await place.runs()).toHaveLength(1);
    await makeDue(place, moment + 1);
    await runSchedules(place.app, new Map(), place.options, never);
    expect(await place.runs()).toHaveLength(2);
  });

  test("is tried for ten minutes from the first try on while the repository's host is away, however late", async () => {
    const place = await places.make(NIGHTLY);
    place.upstream.hide();
    const due = async () => (await (await place.app.registry()).findDueSchedules()).due.length;
    const failures: FirstFailures = new Map();
    const round = () => runSchedules(place.app, failures, place.options, never);
    // The server was down at that moment, and its network comes up after it.
    await makeDue(place, Date.now() - 11 * 60_000);
    await round();
    await round();
    expect(await due()).toBe(1);
    expect(place.log.at(-1)).toMatchObject({ level: "warn", event: "schedule.failed" });
    const [[moment, first]] = [...failures] as [[string, number]];
    failures.set(moment, first - 11 * 60_000);
    await round();
    expect(await due()).toBe(0);
    expect(place.log.at(-1)).toMatchObject({ level: "error", event: "schedule.failed" });
    await round();
    expect(failures.size).toBe(0);
  });

  test("of a pipeline or branch that is gone makes no run and says so", async () => {
    const place = await places.make({
      ...NIGHTLY,
      weekly: pipeline("weekly", '{ schedule: [{ cron: "0 0 * * 1", branch: release }] }'),
    });
    place.upstream.commit({ ".cicd-pipelines/nightly.yml": null });
    await makeDue(place);
    await runSchedules(place.app, new Map(), place.options, never);
    expect(await place.runs()).toEqual([]);
    const texts = place.log.map(({ text }) => text).join("\n");
    expect(texts).toContain("the branch main has no pipeline nightly any more");
    expect(texts).toMatch(/The schedule of weekly made no run: .*release/);
    expect((await (await place.app.registry()).findDueSchedules()).due).toEqual([]);
  });

  test("is seen to by the server's loop, which ends when it is told to", async () => {
    const place = await places.make(NIGHTLY);
    await makeDue(place);
    const end = new AbortController();
    const watching = watchTriggers(place.app, place.desk, place.options, end.signal);
    await eventually(async () => (await place.runs()).length === 1, { withinMs: 15_000 });
    end.abort();
    await watching;
  });
});
