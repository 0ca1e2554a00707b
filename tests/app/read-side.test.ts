import { beforeEach, describe, expect, test } from "bun:test";
import { describeExpired, getArtifacts, listArtifacts } from "../../src/app/artifacts.ts";
import { cancelRuns, stopRuns } from "../../src/app/cancel-runs.ts";
import { findRun } from "../../src/app/find-run.ts";
import { followLog, type LogPiece } from "../../src/app/follow-log.ts";
import { collectGarbage } from "../../src/app/gc.ts";
import { listRuns } from "../../src/app/list-runs.ts";
import { report } from "../../src/app/report.ts";
import { reopenRun } from "../../src/app/retry-run.ts";
import { toRunJson } from "../../src/app/shapes.ts";
import type { CicdError } from "../../src/errors/cicd-error.ts";
import { eventually } from "../support/eventually.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";
import { AppFixture, OWNER } from "./fixture.ts";

const NEVER = new AbortController().signal;
const HERE = { repoKey: "/repo" };
const compile = plannedJob("compile");
const unit = plannedJob("unit", { stage: "test", stageIndex: 1, needs: ["compile"] });
const lint = plannedJob("lint", { stage: "test", stageIndex: 1, allowFailure: true });
const WEB = planOf([compile, unit, lint]);
const FAILED = { status: "failed", exitCode: 1, failureReason: "script_failure" } as const;

let fixture: AppFixture;
beforeEach(() => {
  fixture = new AppFixture();
});

const codeOf = (error: unknown) => (error as CicdError).code;

test("a report in lines says of runs, stages and jobs what the whole one says", async () => {
  await fixture.record(WEB, { compile: {} });
  await fixture.record(WEB, { compile: FAILED });
  const ask = (of: object, summariesOnly: boolean) =>
    report(fixture.app, "/repo", { pipeline: "web", ...of, summariesOnly }) as Promise<
      Record<string, { jobs?: unknown[]; jobCount?: number }[]>
    >;
  for (const of of [{}, { stage: "test" }, { stage: "test", job: "lint" }, { stage: "build", limit: 1 }]) {
    const [list = "", whole = []] = Object.entries(await ask(of, false))[0]!;
    const lines = (await ask(of, true))[list]!;
    expect(lines.map(({ jobCount }) => jobCount)).toEqual(
      whole.map(({ jobs }) => (list === "stages" ? jobs!.length : undefined)),
    );
    for (const [index, { jobCount: _, ...line }] of lines.entries()) {
      const { note: _note, ...said } = line as { note?: string };
      expect(whole[index]).toMatchObject(said);
    }
    expect(lines).toHaveLength(whole.length);
  }
  const missing = await ask({ stage: "tst" }, true).catch((error: unknown) => error);
  expect((missing as CicdError).hint).toContain("test");
});

describe("a run as JSON", () => {
  test("counts durations from the start, up to now while it lasts", async () => {
    const { run } = await fixture.record(WEB, { compile: {} });
    fixture.now += 500;
    await fixture.begin(run.id);
    fixture.now += 250;
    const json = toRunJson((await fixture.store.readRun(run.id))!, fixture.now);
    expect([json.status, json.durationMs, json.finishedAt]).toEqual(["running", 1750, null]);
    expect(json.stages.map(({ name, status, durationMs }) => [name, status, durationMs])).toEqual([
      ["build", "success", 1000],
      ["test", "running", 250],
    ]);
  });

  test("counts no time in which nothing went on: before a retry, or until a manual job was started", async () => {
    const approve = plannedJob("approve", {
      stage: "test",
      stageIndex: 1,
      when: "manual",
      allowFailure: false,
    });
    const { run } = await fixture.record(planOf([compile, lint, approve]), { compile: {} });
    const lease = await fixture.begin(run.id);
    fixture.now += 2000;
    await fixture.end(lease, { status: "failed", exitCode: 1, failureReason: "script_failure" });
    const read = async () => toRunJson((await fixture.store.readRun(run.id))!, fixture.now);
    fixture.now += 100_000;
    expect([(await read()).status, (await read()).durationMs]).toEqual(["manual", 3000]);
    await reopenRun(
      fixture.app,
      (await fixture.store.readRun(run.id))!,
      { jobs: ["lint"], actor: "me" },
      NEVER,
    );
    const again = await fixture.begin(run.id);
    fixture.now += 500;
    expect((await read()).durationMs).toBe(3500);
    await fixture.end(again);
    fixture.now += 100_000;
    const json = await read();
    expect([json.durationMs, json.stages.map(({ durationMs }) => durationMs)]).toEqual([3500, [1000, 500]]);
    expect((await listRuns(fixture.app, { ...HERE, limit: 1 })).runs[0]!.durationMs).toBe(3500);
  });

  test("shows what is only assigned as pending", async () => {
    const { run } = await fixture.record(WEB);
    await fixture.store.claimJob({
      worker: "w",
      token: "t",
      leaseMs: 30_000,
      scope: { kind: "runs", runIds: [run.id] },
    });
    const json = toRunJson((await fixture.store.readRun(run.id))!, fixture.now);
    expect(json.stages[0]!.jobs[0]!.status).toBe("pending");
  });

  test("is a success with warnings where an allowed failure happened", async () => {
    const detail = await fixture.record(WEB, { compile: {}, unit: {}, lint: FAILED });
    const json = toRunJson(detail, fixture.now);
    expect([json.status, json.warnings, json.stages.map(({ warnings }) => warnings)]).toEqual([
      "success",
      true,
      [false, true],
    ]);
  });

  test("lists the artifacts of the newest attempt only", async () => {
    const artifact = (sha256: string) => ({ path: "a", sizeBytes: 1, sha256 });
    const first = await fixture.record(planOf([compile]), {
      compile: { ...FAILED, artifacts: [artifact("old")] },
    });
    await reopenRun(fixture.app, first, { jobs: [], actor: "me" }, NEVER);
    await fixture.end(await fixture.begin(first.run.id), { artifacts: [artifact("new")] });
    const json = toRunJson((await fixture.store.readRun(first.run.id))!, fixture.now);
    expect(json.stages[0]!.jobs[0]).toMatchObject({ attempt: 2, artifacts: [artifact("new")] });
  });
});

describe("the report", () => {
  test("asks the store the same few times, however many runs there are", async () => {
    for (let index = 0; index < 30; index++)
      await fixture.record(planOf([compile], `p${index % 3}`), { compile: {} });
    await report(fixture.app, "/repo", {});
    expect(Object.fromEntries(fixture.calls)).toEqual({ listPipelines: 1, findRunDetails: 3 });
    fixture.calls.clear();
    const { runs } = (await report(fixture.app, "/repo", { pipeline: "p1" })) as { runs: unknown[] };
    expect(runs).toHaveLength(10);
    expect(Object.fromEntries(fixture.calls)).toEqual({ findRunDetails: 1 });
  });

  test("of all pipelines is empty where nothing was recorded", async () => {
    expect(await report(fixture.app, "/repo", {})).toEqual({ pipelines: [] });
  });

  test("leaves out the runs that do not have the stage", async () => {
    await fixture.record(planOf([compile]), { compile: {} });
    await fixture.record(WEB, { compile: {}, unit: {}, lint: {} });
    const { stages } = (await report(fixture.app, "/repo", { pipeline: "web", stage: "test" })) as {
      stages: { run: number }[];
    };
    expect(stages.map(({ run }) => run)).toEqual([2]);
  });
});

describe("finding a run", () => {
  test("without a number takes the newest, of any pipeline", async () => {
    await fixture.record(planOf([compile], "a"), { compile: {} });
    fixture.now += 1;
    await fixture.record(planOf([compile], "b"), { compile: {} });
    expect((await findRun(fixture.app, HERE)).run.pipeline).toBe("b");
    const { runs } = await listRuns(fixture.app, { ...HERE, limit: 1 });
    expect(runs.map(({ pipeline }) => pipeline)).toEqual(["b"]);
  });

  test("is one that was started by itself, unless the pipeline of another is named", async () => {
    const { run, jobs } = await fixture.record(WEB);
    const parent = { runId: run.id, jobId: jobs[0]!.id };
    const child = newRun("child", planOf([compile], "web/compile"));
    fixture.now += 1000;
    await fixture.store.createRun({ ...child, mode: "local", trigger: "pipeline", parent });
    const pipelineOf = async (more: object) =>
      (await findRun(fixture.app, { ...HERE, ...more })).run.pipeline;
    expect(await pipelineOf({})).toBe("web");
    expect(await pipelineOf({ number: 1 })).toBe("web");
    expect(await pipelineOf({ pipeline: "web/compile" })).toBe("web/compile");
  });

  test("by number alone is refused while several pipelines have it", async () => {
    await fixture.record(planOf([compile], "a"), { compile: {} });
    expect((await findRun(fixture.app, { ...HERE, number: 1 })).run.pipeline).toBe("a");
    await fixture.record(planOf([compile], "b"), { compile: {} });
    const error = await findRun(fixture.app, { ...HERE, number: 1 }).catch((thrown) => thrown);
    expect([codeOf(error), error.hint]).toEqual(["NOT_FOUND", expect.stringContaining("-p ")]);
  });
});

describe("cancel and stop", () => {
  test("touch nothing that is over, or of another branch", async () => {
    await fixture.record(planOf([compile]), { compile: {} });
    await fixture.record(WEB);
    const options = { actor: "me", waitMs: 0 };
    expect(await cancelRuns(fixture.app, { ...HERE, branch: "other" }, options, NEVER)).toEqual([]);
    const ended = await cancelRuns(fixture.app, HERE, options, NEVER);
    expect(ended.map(({ run, isOver }) => [run.number, run.status, isOver])).toEqual([[2, "canceled", true]]);
    expect(await cancelRuns(fixture.app, HERE, options, NEVER)).toEqual([]);
  });

  test("cancel waits for what runs, and says so when it takes too long", async () => {
    const { run } = await fixture.record(WEB);
    const lease = await fixture.begin(run.id);
    const late = await cancelRuns(fixture.app, HERE, { actor: "me", waitMs: 50 }, NEVER);
    expect(late).toMatchObject([{ jobs: ["compile"], isOver: false, run: { status: "canceling" } }]);
    let isOver = false;
    const waiting = cancelRuns(fixture.app, HERE, { actor: "me", waitMs: 60_000 }, NEVER);
    void waiting.then(() => {
      isOver = true;
    });
    const before = fixture.calls.get("findRuns") ?? 0;
    await eventually(() => (fixture.calls.get("findRuns") ?? 0) >= before + 3);
    expect(isOver).toBe(false);
    await fixture.end(lease, { status: "canceled", exitCode: null, failureReason: "canceled" });
    expect(await waiting).toMatchObject([{ jobs: ["compile"], isOver: true }]);
  });

  test("stop names what still runs and starts nothing more", async () => {
    const { run } = await fixture.record(WEB);
    const lease = await fixture.begin(run.id);
    const stopped = await stopRuns(fixture.app, HERE, { actor: "me" });
    expect(stopped).toMatchObject([{ jobs: ["compile"], isOver: false }]);
    await fixture.end(lease);
    const states = (await fixture.store.readRun(run.id))!.jobs.map(({ state }) => state);
    expect(states).toEqual(["success", "canceled", "canceled"]);
  });
});

describe("a log", () => {
  const append = (jobId: string, attempt: number, offset: number, text: string) =>
    fixture.store.appendLog({ jobId, attempt, offset, bytes: new TextEncoder().encode(text) });

  async function collect(pieces: AsyncIterable<LogPiece>): Promise<string[]> {
    const texts: string[] = [];
    for await (const { job, attempt, offset, bytes } of pieces) {
      texts.push(`${job}/${attempt}@${offset}:${new TextDecoder().decode(bytes)}`);
    }
    return texts;
  }

  test("is followed over its attempts until the job is over", async () => {
    const retried = plannedJob("unit", { retry: { max: 1, when: [], exitCodes: [] } });
    const detail = await fixture.record(planOf([retried, plannedJob("other")]));
    const { id } = detail.jobs[0]!;
    const following = collect(followLog(fixture.app, detail, { job: "unit", follow: true }, NEVER));
    const first = await fixture.begin(detail.run.id);
    await append(id, 1, 0, "a\n");
    await fixture.end(first, FAILED);
    const other = await fixture.begin(detail.run.id);
    const second = await fixture.begin(detail.run.id);
    expect([other.attempt, second.attempt].sort()).toEqual([1, 2]);
    await append(id, 2, 0, "b\n");
    for (const lease of [other, second]) if (lease.jobId === id) await fixture.end(lease);
    expect(await following).toEqual(["unit/1@0:a\n", "unit/2@0:b\n"]);
  });

  test("stored is printed as far as it goes, without waiting", async () => {
    const detail = await fixture.record(WEB);
    const lease = await fixture.begin(detail.run.id);
    await append(lease.jobId, 1, 0, "so far");
    const now = (await fixture.store.readRun(detail.run.id))!;
    expect(await collect(followLog(fixture.app, now, { follow: false }, NEVER))).toEqual([
      "compile/1@0:so far",
    ]);
  });

  test("of a job that is not there is not found", async () => {
    const detail = await fixture.record(WEB);
    const error = await collect(followLog(fixture.app, detail, { job: "uint", follow: false }, NEVER)).catch(
      (e) => e,
    );
    expect([codeOf(error), error.hint]).toEqual(["NOT_FOUND", 'did you mean "unit"?']);
  });
});

describe("artifacts that have expired", () => {
  const HOUR = 3_600_000;

  test("are in no list and no report, and get says when they did", async () => {
    const kept = {
      paths: ["a"],
      exclude: [],
      when: "on_success" as const,
      name: undefined,
      expireInMs: HOUR,
    };
    const pack = plannedJob("pack", { artifacts: kept });
    const outcome = { artifactLayer: "l", artifacts: [{ path: "dist/a", sizeBytes: 1, sha256: "s" }] };
    const detail = await fixture.record(planOf([pack]), { pack: outcome });
    const end = fixture.now;
    const shown = () => [
      listArtifacts(detail, {}, fixture.now).length,
      toRunJson(detail, fixture.now).stages[0]!.jobs[0]!.artifacts.length,
    ];
    fixture.now = end + HOUR;
    expect([shown(), describeExpired(detail, {}, fixture.now)]).toEqual([[1, 1], undefined]);
    fixture.now += 1;
    expect(shown()).toEqual([0, 0]);
    const words = `the artifacts of "pack" in run #1 of web expired at ${new Date(end + HOUR).toISOString()}`;
    for (const more of [{}, { path: "dist/" }, { job: "pack" }]) {
      const request = { directory: "/nonexistent/out", force: false, ...more };
      const error = await getArtifacts(fixture.app, detail, request, NEVER).catch((e) => e);
      expect([codeOf(error), error.message]).toEqual(["NOT_FOUND", words]);
    }
  });
});

describe("retry", () => {
  test("makes this process the owner, and is refused while the run goes on", async () => {
    const detail = await fixture.record(planOf([compile, plannedJob("other")]), { compile: FAILED });
    const over = await fixture.record(planOf([compile], "over"), { compile: FAILED });
    expect(await reopenRun(fixture.app, detail, { jobs: [], actor: "me" }, NEVER).catch(codeOf)).toBe(
      "USAGE",
    );
    const reopened = await reopenRun(fixture.app, over, { jobs: [], actor: "me" }, NEVER);
    expect(reopened.jobs).toEqual(["compile"]);
    expect((await fixture.store.readRun(over.run.id))!.run.owner).toEqual(OWNER);
    const events = await fixture.store.readEvents(over.run.id, reopened.afterEvent, 10);
    expect(events[0]!.type).toBe("run.reopened");
  });

  test("leaves a run as it is when its files, or artifacts that it would take over, are gone", async () => {
    const dist = {
      paths: ["a"],
      exclude: [],
      when: "on_success" as const,
      name: undefined,
      expireInMs: undefined,
    };
    const pack = plannedJob("pack", { artifacts: dist });
    const ship = plannedJob("ship", { stage: "test", stageIndex: 1, artifactsFrom: ["pack"] });
    const detail = await fixture.record(planOf([pack, ship]), { pack: { artifactLayer: "gone" }, ship: {} });
    const retry = (...jobs: string[]) => reopenRun(fixture.app, detail, { jobs, actor: "me" }, NEVER);
    const error = await retry("ship").catch((e) => e);
    expect([codeOf(error), error.hint]).toEqual([
      "ARTIFACTS_GONE",
      "run it again too: --job pack --job ship",
    ]);
    fixture.isSnapshotGone = true;
    expect(await retry("pack").catch(codeOf)).toBe("SNAPSHOT_GONE");
    expect((await fixture.store.readRun(detail.run.id))!.run.status).toBe("success");
    fixture.isSnapshotGone = false;
    expect((await retry("pack", "ship")).jobs).toEqual(["pack", "ship"]);
  });

  test("starts the manual jobs that it names", async () => {
    const deploy = plannedJob("deploy", {
      stage: "test",
      stageIndex: 1,
      when: "manual",
      allowFailure: false,
    });
    const tell = plannedJob("tell", { stage: "test", stageIndex: 1, needs: ["deploy"] });
    const detail = await fixture.record(planOf([compile, deploy, tell]), { compile: {} });
    expect(detail.run.status).toBe("manual");
    const start = (job: string) => reopenRun(fixture.app, detail, { jobs: [job], actor: "me" }, NEVER);
    expect(await start("tell").catch(codeOf)).toBe("NOTHING_TO_DO");
    expect((await start("deploy")).jobs).toEqual(["deploy"]);
    const { run, jobs } = (await fixture.store.readRun(detail.run.id))!;
    expect([run.owner, ...jobs.map(({ state }) => state)]).toEqual([OWNER, "success", "pending", "created"]);
  });
});

describe("gc", () => {
  const DAY = 86_400_000;
  const layered = (layer: string) => ({
    artifactLayer: layer,
    artifacts: [{ path: "a", sizeBytes: 1, sha256: layer }],
  });

  test("lets a run go only when it is both old and not among the newest of its pipeline", async () => {
    for (let index = 0; index < 4; index++) {
      await fixture.record(planOf([compile], "a"), { compile: {} });
      fixture.now += DAY;
    }
    await fixture.record(planOf([compile], "b"), { compile: {} });
    await fixture.record(planOf([compile], "a"));
    const retention = { keepLast: 1, olderThanMs: 1.5 * DAY };
    const shown = await collectGarbage(fixture.app, retention, { dryRun: true }, NEVER);
    expect(shown.runs.map(({ pipeline, number }) => `${pipeline}${number}`)).toEqual(["a3", "a2", "a1"]);
    expect((await fixture.store.findRuns({})).length).toBe(6);
    await collectGarbage(fixture.app, retention, { dryRun: false }, NEVER);
    const left = (await fixture.store.findRuns({})).map(({ pipeline, number }) => `${pipeline}${number}`);
    expect(left.sort()).toEqual(["a4", "a5", "b1"]);
  });

  test("keeps the artifacts of kept runs until they expire", async () => {
    const artifacts = {
      paths: ["a"],
      exclude: [],
      when: "on_success",
      name: undefined,
      expireInMs: DAY,
    } as const;
    const expiring = plannedJob("compile", { artifacts: { ...artifacts, paths: ["a"], exclude: [] } });
    await fixture.record(planOf([expiring], "a"), { compile: layered("short") });
    await fixture.record(planOf([compile], "b"), { compile: layered("long") });
    const retention = { keepLast: 5, olderThanMs: DAY };
    fixture.stored = ["short", "long"];
    await collectGarbage(fixture.app, retention, { dryRun: false }, NEVER);
    expect(fixture.kept!.layers).toEqual(new Set(["short", "long"]));
    fixture.now += 2 * DAY;
    const result = await collectGarbage(fixture.app, retention, { dryRun: false }, NEVER);
    expect([result.expired, fixture.kept!.layers, fixture.kept!.blobs]).toEqual([
      1,
      new Set(["long"]),
      new Set(["long"]),
    ]);
    const again = await collectGarbage(fixture.app, retention, { dryRun: false }, NEVER);
    expect([again.expired, "layerNames" in again.files]).toEqual([0, false]);
  });

  test("keeps the snapshots of all runs that it keeps, ended or not: they may be retried", async () => {
    const retention = { keepLast: 1, olderThanMs: 0 };
    const { run } = await fixture.record(planOf([compile]), { compile: FAILED });
    await collectGarbage(fixture.app, retention, { dryRun: false }, NEVER);
    expect(fixture.kept!.trees).toEqual(new Set([run.source.tree]));
    await fixture.store.deleteRuns([run.id]);
    await collectGarbage(fixture.app, retention, { dryRun: false }, NEVER);
    expect(fixture.kept!.trees).toEqual(new Set());
  });
});
