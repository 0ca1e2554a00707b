import { expect, test } from "bun:test";
import { collectGarbage, KEEP_ALL } from "../../src/app/gc.ts";
import { type Report, report } from "../../src/app/report.ts";
import type { Outcome } from "../../src/run/records.ts";
import type { RunDetail } from "../../src/run/store.ts";
import type { TestFailure } from "../../src/run/test-results.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { AppFixture } from "./fixture.ts";

const WEB = planOf([plannedJob("unit"), plannedJob("lint", { stage: "test", stageIndex: 1 })]);

/** What came of tests of which these failed. */
function testsOf(...failed: string[]): Partial<Outcome> {
  const testFailures = failed.map(
    (name): TestFailure => ({
      ...{ suite: "s", className: "C", name, file: "a.js", line: 3 },
      ...{ kind: "failure", message: null, detail: null },
    }),
  );
  const tests = { total: 9, failed: failed.length, errors: 0, skipped: 0, durationMs: 5 };
  const results = { coverage: null, tests, dotenv: null, reportLayer: null };
  const end: Partial<Outcome> =
    failed.length === 0 ? {} : { status: "failed", exitCode: 1, failureReason: "script_failure" };
  return { ...end, results, testFailures };
}

async function failingIn(fixture: AppFixture, detail: RunDetail): Promise<string[]> {
  const query = { pipeline: "web", number: detail.run.number };
  const { run } = (await report(fixture.app, "/repo", query)) as Extract<Report, { run: unknown }>;
  return run.stages.flatMap(({ jobs }) =>
    jobs.flatMap(({ failingTests = [] }) =>
      failingTests.map(({ name, isNew, since }) => `${name} ${isNew ? "new" : "since"} ${since}`),
    ),
  );
}

test("a failing test is new where it did not fail in the last run of the branch that had results", async () => {
  const fixture = new AppFixture();
  const first = await fixture.record(WEB, { unit: testsOf("a") });
  expect(await failingIn(fixture, first)).toEqual(["a since 1"]);
  await fixture.record(WEB, { unit: testsOf("a", "b") });
  await fixture.record(WEB, { unit: { status: "failed", exitCode: 2, failureReason: "script_failure" } });
  const fourth = await fixture.record(WEB, { unit: testsOf("b", "c") });
  expect(await failingIn(fixture, fourth)).toEqual(["c new 4", "b since 2"]);
  await fixture.record(WEB, { unit: testsOf(), lint: {} });
  const sixth = await fixture.record(WEB, { unit: testsOf("b") });
  expect(await failingIn(fixture, sixth)).toEqual(["b new 6"]);
});

test("a branch without results is compared with the default branch", async () => {
  const fixture = new AppFixture();
  await fixture.record({ ...WEB, origin: { source: null, defaultBranch: "main" } }, { unit: testsOf("a") });
  const topic = planOf(WEB.jobs);
  topic.origin = { source: null, defaultBranch: "main" };
  const detail = await fixture.record(topic, { unit: testsOf("a", "b") }, { branch: "topic" });
  expect(await failingIn(fixture, detail)).toEqual(["b new 2", "a since 1"]);
});

test("a list of runs tells of the failing tests of the newest, and reads nothing where it went well", async () => {
  const fixture = new AppFixture();
  await fixture.record(WEB, { unit: testsOf("a") });
  const list = () => report(fixture.app, "/repo", { pipeline: "web", summariesOnly: true });
  expect(await list()).toMatchObject({ failingTests: [{ run: 1, job: "unit", name: "a", file: "a.js" }] });
  await fixture.record(WEB, { unit: testsOf(), lint: {} });
  fixture.calls.clear();
  expect(Object.keys(await list())).toEqual(["runs"]);
  expect(Object.fromEntries(fixture.calls)).toEqual({ findRunLines: 1 });
});

test("report files are kept as long as their run", async () => {
  const fixture = new AppFixture();
  const { results } = testsOf();
  await fixture.record(WEB, { unit: { results: { ...results!, reportLayer: "reports" } }, lint: {} });
  fixture.stored = ["reports", "other"];
  await collectGarbage(fixture.app, KEEP_ALL, { dryRun: false }, new AbortController().signal);
  expect(fixture.stored).toEqual(["reports"]);
});
