import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar-stream";
import * as v from "valibot";
import { CHECKED_FILE } from "../../src/api/shapes.ts";
import { workQueue } from "../../src/app/work-queue.ts";
import { composeApp } from "../../src/compose-app.ts";
import type { Source } from "../../src/run/workspace.ts";
import { eventually } from "../support/eventually.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { makeRepository } from "../workspace/fixture.ts";
import { ServerFixture } from "./fixture.ts";

/** The header of a pack of five objects. */
const PACK_BEGUN = new Uint8Array([...Buffer.from("PACK"), 0, 0, 0, 2, 0, 0, 0, 5]);
const PACK = "application/x-git-packed-objects";
const KEY = "https://git.example/team/web";
const WEB = [
  "name: web",
  "jobs:",
  "  build: { stage: build, script: [mkdir -p dist, echo made > dist/app, ln -s app dist/link, cat note], artifacts: { paths: [dist/] } }",
  "  unit: { stage: test, script: cat dist/app }",
].join("\n");

let fixture: ServerFixture;
let directory: string;
beforeAll(async () => {
  fixture = await ServerFixture.open({ limits: { uploads: 1, body: { wholeMs: 5_000, stallMs: 300 } } });
  directory = mkdtempSync(join(tmpdir(), "cicd-client-"));
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

describe("pipeline files", () => {
  test("are checked where they are sent", async () => {
    const good = { file: ".cicd-pipelines/web.yml", text: WEB };
    const bad = { file: ".cicd-pipelines/bad.yml", text: "name: bad\njobs: {a: {stage: test}}" };
    const ok = await fixture.ask("check", { body: { files: [good] } });
    expect(ok).toMatchObject({ valid: true, diagnostics: [] });
    const both = await fixture.ask("check", { body: { files: [good, bad] } });
    expect(both.valid).toBe(false);
    expect(both.diagnostics[0]).toMatchObject({ code: "CONFIG_MISSING_KEY", file: bad.file });
    expect(both.files.map(({ file, pipeline }) => [file, pipeline?.jobs ?? null])).toEqual([
      [good.file, 2],
      [bad.file, null],
    ]);
    const one = await fixture.ask("check", { body: { files: [good, bad], pipeline: "web" } });
    expect(one.valid).toBe(true);
  });

  test("are planned, or refused with all that it takes to show what is wrong", async () => {
    const { plans } = await fixture.ask("dryRun", { body: { files: [{ file: "web.yml", text: WEB }] } });
    expect(plans.map(({ pipeline, order }) => [pipeline, order])).toEqual([["web", [["build"], ["unit"]]]]);
    const refused = await fixture.refusal("/api/v1/dryrun", {
      body: { files: [{ file: "a", text: "jobs: 1" }] },
    });
    expect([refused.status, refused.code]).toEqual([422, "CONFIG_INVALID"]);
    const files = v.parse(v.array(CHECKED_FILE), refused.files);
    expect(files[0]).toMatchObject({ file: "a", text: "jobs: 1", pipeline: null });
    const lost = await fixture.refusal("/api/v1/dryrun", {
      body: { files: [{ file: "web.yml", text: WEB }], jobs: ["biuld"] },
    });
    expect([lost.status, lost.code, lost.hint]).toEqual([404, "NOT_FOUND", 'did you mean "build"?']);
  });
});

describe("recorded runs", () => {
  test("are listed page by page, filtered, from either end", async () => {
    const source = { repo: { key: "list", name: "list" }, branch: "main", tag: null, commit: null };
    const change = { source: { ...source, commitMessage: null, tree: "0".repeat(40), dirty: null } };
    for (let index = 0; index < 7; index++) {
      await fixture.record(planOf([plannedJob("a")]), {
        ...change,
        trigger: index % 2 === 0 ? "cli" : "push",
      });
    }
    const all = (await fixture.ask("listRuns", { query: "repo=list" })).runs.map(({ number }) => number);
    // Those of one millisecond stand in no order that people know.
    expect(all.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const [sort, expected] of [
      ["", all],
      ["&sort=createdAt", [...all].reverse()],
    ] as const) {
      const seen: number[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
        const page = await fixture.ask("listRuns", { query: `repo=list&limit=3${sort}${after}` });
        seen.push(...page.runs.map(({ number }) => number));
        cursor = page.nextCursor;
      }
      expect(seen).toEqual(expected as number[]);
    }
    const numbers = async (query: string) =>
      (await fixture.ask("listRuns", { query: `repo=list&${query}` })).runs.map(({ number }) => number);
    expect((await numbers("trigger=push")).toSorted()).toEqual([2, 4, 6]);
    expect(await numbers("trigger=push&trigger=cli&limit=2")).toEqual(all.slice(0, 2));
    expect(await numbers("status=failed&status=canceled")).toEqual([]);
    expect(await numbers("number=3")).toEqual([3]);
    expect(await numbers("branch=dev")).toEqual([]);
    expect((await fixture.ask("listPipelines", { query: "repo=list" })).pipelines).toEqual([
      { name: "web", runs: 7 },
    ]);
    const report = await fixture.ask("report", { query: "repo=list&pipeline=web&number=2" });
    expect(report).toMatchObject({ run: { number: 2, trigger: "push" } });
    expect((await fixture.refusal("/api/v1/report?repo=list&stage=build")).code).toBe("USAGE");
  });

  test("are found by what people say, with an explanation where there is none", async () => {
    const run = await fixture.record(planOf([plannedJob("a")]));
    expect((await fixture.ask("findRun", { query: "repo=/repo&pipeline=web" })).id).toBe(run);
    const lost = await fixture.refusal("/api/v1/find?repo=/repo&pipeline=wbe");
    expect([lost.status, lost.hint]).toEqual([404, 'did you mean "web"?']);
  });

  test("are canceled and stopped, with whom it was by; what is over stays as it is", async () => {
    const run = await fixture.record(
      planOf([plannedJob("a"), plannedJob("b", { stageIndex: 1, stage: "test" })]),
    );
    await fixture.begin(run);
    const token = fixture.token("run");
    const stopped = await fixture.ask("stopRun", { params: { run }, body: {}, token });
    expect(stopped).toMatchObject({ jobs: ["a"], isOver: false });
    const canceled = await fixture.ask("cancelRun", { params: { run }, body: {}, token });
    expect(canceled).toMatchObject({ jobs: ["a"], isOver: false, run: { status: "canceling" } });
    const events = await (await fixture.app.store()).readEvents(run, 0, 100);
    expect(events.find(({ type }) => type === "run.cancel_requested")?.data).toMatchObject({
      actor: "token:run",
    });
    const pending = await fixture.record(planOf([plannedJob("a")]));
    const over = await fixture.ask("cancelRun", { params: { run: pending }, body: { waitMs: 1_000 } });
    expect(over).toMatchObject({ isOver: true, run: { status: "canceled" } });
    expect(await fixture.ask("cancelRun", { params: { run: pending }, body: {} })).toMatchObject({
      isOver: true,
    });
    expect((await fixture.refusal("/api/v1/runs/nothing/cancel", { body: {} })).status).toBe(404);
    const local = await fixture.record(planOf([plannedJob("a")]), { mode: "local" });
    const refused = await fixture.refusal(`/api/v1/runs/${local}/retry`, { body: {} });
    expect(refused.code).toBe("NOT_SUPPORTED");
  });
});

describe("a tree that is sent", () => {
  /** As a client sends it: what the server lacks of it, and nothing else. */
  async function send(files: Record<string, string>): Promise<{ source: Source; sent: number }> {
    const repo = await makeRepository(join(directory, `repo-${crypto.randomUUID()}`), files);
    const { config } = fixture;
    const state = { ...config, stateDir: join(directory, "state") };
    await using client = composeApp(state, { PATH: process.env.PATH, HOME: directory }, "person");
    const signal = AbortSignal.timeout(20_000);
    const source = await (await client.sources()).open({ repo }, signal);
    const transfer = await client.transfer();
    const objects = await transfer.listObjects(source, signal);
    const { missing } = await fixture.ask("missingObjects", { body: { objects } });
    if (missing.length > 0) {
      const bytes = new Uint8Array(
        await new Response(transfer.writePack(source, missing, signal)).arrayBuffer(),
      );
      await fixture.ask("sendPack", { body: bytes, headers: { "content-type": PACK } });
    }
    return { source, sent: missing.length };
  }

  const start = (source: Source, requestId: string, more: object = {}) => ({
    requestId,
    source: { kind: "tree", described: { ...source.source, repo: { key: KEY, name: "web" } } },
    ...more,
  });

  test("is run by the queue's workers: log, artifacts and all; the same request again is the same run", async () => {
    const files = { ".cicd-pipelines/web.yml": WEB, note: "as sent\n" };
    const { source, sent } = await send(files);
    expect(sent).toBeGreaterThan(0);
    expect((await send(files)).sent).toBe(0);
    const body = start(source, "the-first-request");
    const { runs } = await fixture.ask("startRuns", { body });
    const again = await fixture.ask("startRuns", { body });
    expect(again.runs.map(({ id }) => id)).toEqual(runs.map(({ id }) => id));
    expect(runs.map(({ pipeline, number, repo, trigger }) => [pipeline, number, repo, trigger])).toEqual([
      ["web", 1, KEY, "cli"],
    ]);
    const run = runs[0]!.id;
    const over = new AbortController();
    const { config, app } = fixture;
    const working = workQueue(
      app,
      {
        version: "1",
        title: "test",
        labels: [],
        executor: "shell",
        slots: 2,
        graceMs: 1_000,
        logLimitBytes: config.logLimitBytes,
        drainTimeoutMs: 0,
        handOver: over.signal,
        observe: () => {},
      },
      over.signal,
    );
    try {
      await eventually(async () => (await fixture.ask("readRun", { params: { run } })).status === "success", {
        withinMs: 15_000,
      });
      const { workers } = await fixture.ask("listWorkers");
      expect(workers).toMatchObject([{ title: "test", state: "active", slots: 2, executors: ["shell"] }]);
    } finally {
      over.abort();
      await working;
    }
    const log = await (await fixture.fetch(`/api/v1/runs/${run}/jobs/build/log`)).text();
    expect(log).toContain("as sent\n");
    const { artifacts, expired } = await fixture.ask("listArtifacts", { params: { run } });
    expect(artifacts.map(({ job, path }) => [job, path])).toEqual([["build", "dist/app"]]);
    expect(expired).toBeNull();
    await checkArtifacts(run, artifacts[0]!.sha256);
    const metrics = await (await fixture.fetch("/metrics")).text();
    expect(metrics).toContain('cicd_workers{state="stopped"} 1');
    expect(metrics).toMatch(
      /cicd_http_requests_total\{route="\/api\/v1\/runs",method="POST",status="201"\} 2/,
    );
  }, 30_000);

  async function checkArtifacts(run: string, sha256: string): Promise<void> {
    const path = `/api/v1/runs/${run}/jobs/build/artifacts`;
    const file = await fixture.fetch(path, { query: "path=dist/app" });
    expect(file.headers.get("etag")).toBe(`"${sha256}"`);
    expect(file.headers.get("content-disposition")).toContain('attachment; filename="app"');
    expect(file.headers.get("content-type")).toBe("application/octet-stream");
    expect(await file.text()).toBe("made\n");
    const known = await fixture.fetch(path, {
      query: "path=dist/app",
      headers: { "if-none-match": `"${sha256}"` },
    });
    expect([known.status, await known.text()]).toEqual([304, ""]);
    const lost = await fixture.refusal(`${path}?path=${encodeURIComponent("../../etc/passwd")}`);
    expect([lost.status, lost.code]).toEqual([404, "NOT_FOUND"]);
    const tar = await fixture.fetch(`/api/v1/runs/${run}/jobs/build/artifacts.tar`);
    expect(tar.headers.get("content-type")).toBe("application/x-tar");
    const entries = extract();
    entries.end(Buffer.from(await tar.arrayBuffer()));
    const seen: [string, unknown, unknown][] = [];
    for await (const entry of entries) {
      const { name, type, linkname } = entry.header;
      seen.push([name, type, linkname]);
      entry.resume();
    }
    expect(seen).toEqual([
      ["dist", "directory", null],
      ["dist/app", "file", null],
      ["dist/link", "symlink", "app"],
    ]);
    const none = await fixture.refusal(`/api/v1/runs/${run}/jobs/unit/artifacts.tar`);
    expect([none.status, none.code]).toEqual([404, "NOT_FOUND"]);
  }

  test("with broken files makes no run, and says what is wrong", async () => {
    const { source } = await send({ ".cicd-pipelines/bad.yml": "name: bad\njobs: { a: { stage: x } }\n" });
    const refused = await fixture.refusal("/api/v1/runs", { body: start(source, "a-broken-request") });
    expect([refused.status, refused.code]).toEqual([422, "CONFIG_INVALID"]);
    expect(refused.files?.[0]?.diagnostics.length).toBeGreaterThan(0);
    const file = { name: "mine.yml", text: WEB };
    const { runs } = await fixture.ask("startRuns", { body: start(source, "with-a-file-1", { file }) });
    expect(runs.map(({ pipeline }) => pipeline)).toEqual(["web"]);
  });

  test("that did not arrive whole makes no run", async () => {
    const { source } = await send({ ".cicd-pipelines/web.yml": WEB });
    const lost = {
      ...source,
      source: { ...source.source, tree: "0123456789abcdef0123456789abcdef01234567" },
    };
    const refused = await fixture.refusal("/api/v1/runs", { body: start(lost, "an-incomplete-one") });
    expect([refused.status, refused.code]).toEqual([409, "TREE_INCOMPLETE"]);
  });

  test("is refused where it is no pack, and where another is being sent; one that stands still makes room", async () => {
    const refused = await fixture.refusal("/api/v1/packs", {
      body: "PACK",
      headers: { "content-type": PACK },
    });
    expect([refused.status, refused.code]).toEqual([422, "ARCHIVE_REFUSED"]);
    const still = fetch(`${fixture.url}/api/v1/packs`, {
      method: "POST",
      headers: { authorization: `Bearer ${fixture.token("run")}`, "content-type": PACK },
      body: new ReadableStream({ start: (controller) => controller.enqueue(PACK_BEGUN) }),
    });
    const busy = async () => {
      const other = await fixture.fetch("/api/v1/packs", { body: "PACK", headers: { "content-type": PACK } });
      await other.body?.cancel();
      return other.status;
    };
    await eventually(async () => (await busy()) === 503);
    expect((await still).status).toBe(408);
    await eventually(async () => (await busy()) === 422);
  });

  test.each([
    "file:///etc",
    "/etc",
    "../x",
    "ext::sh -c id",
    "http://127.0.0.1/x",
    "https://127.0.0.1/x.git",
  ])(
    "cannot be %s: the server clones no paths of its own, and nothing at private addresses",
    async (repo) => {
      const body = { requestId: "a-request-by-url", source: { kind: "url", repo } };
      const refused = await fixture.refusal("/api/v1/runs", { body });
      expect([refused.status, refused.code]).toEqual([422, "GIT_URL_REFUSED"]);
    },
  );
});

describe("health", () => {
  test("is told part by part, and that the server ends", async () => {
    await using own = await ServerFixture.open();
    expect(await own.ask("health", { token: null })).toEqual({ status: "ok" });
    expect(await own.ask("readiness", { token: null })).toEqual({
      status: "ready",
      parts: [{ name: "database", ready: true, code: null }],
    });
    own.server.drain();
    const response = await own.fetch("/readyz", { token: null });
    expect([response.status, ((await response.json()) as { status: string }).status]).toEqual([
      503,
      "draining",
    ]);
    expect((await own.fetch("/api/v1/runs")).status).toBe(200);
  });
});

describe("figures", () => {
  test("tell how the queue stands, and what has ended since the first look, once", async () => {
    await using own = await ServerFixture.open();
    const read = async () => (await own.fetch("/metrics", { token: own.token("read") })).text();
    const before = await own.record(planOf([plannedJob("a")]));
    await own.end(await own.begin(before));
    expect(await read()).not.toContain("cicd_job_duration_seconds_count");
    const run = await own.record(planOf([plannedJob("a"), plannedJob("b")]));
    const lease = await own.begin(run);
    const during = await read();
    expect(during).toContain('cicd_queue_jobs{state="pending"} 1\n');
    expect(during).toContain('cicd_queue_jobs{state="running"} 1\n');
    expect(during).toContain('cicd_queue_runs{status="running"} 1\n');
    await own.end(lease);
    expect(await read()).toContain('cicd_job_duration_seconds_count{outcome="success"} 1\n');
    await own.end(await own.begin(run), { status: "failed", exitCode: 1, failureReason: "script_failure" });
    const brief = await own.record(planOf([plannedJob("a")]));
    await own.end(await own.begin(brief));
    for (let look = 0; look < 2; look++) {
      const after = await read();
      expect(after).toContain('cicd_job_duration_seconds_count{outcome="success"} 2\n');
      expect(after).toContain('cicd_job_duration_seconds_count{outcome="failed"} 1\n');
      expect(after).toContain('cicd_runs_finished_total{status="failed"} 1\n');
      expect(after).toContain('cicd_runs_finished_total{status="success"} 1\n');
      expect(after).toContain('cicd_queue_jobs{state="running"} 0\n');
      for (const line of after.trimEnd().split("\n")) {
        expect(line).toMatch(
          /^# TYPE \w+ (counter|gauge|histogram)$|^\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+$/,
        );
      }
    }
  });
});
