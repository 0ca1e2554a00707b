import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../support/sandbox.ts";

const WEB = `
name: web
stages: [test, deploy]
default: { image: "cicd-test/busybox:1" }
jobs:
  unit:
    stage: test
    script:
      - echo 'VERSION="1.2 beta"' > build.env
      - cp results.xml red.xml
      - 'echo "Lines:  81.5% of 200"; echo bye'
      - test ! -e fail
    coverage: '/Lines:\\s+(\\d+\\.\\d+)%/'
    artifacts:
      paths: [green.xml]
      reports: { junit: [red.xml, broken.xml], dotenv: build.env }
  use:
    stage: deploy
    script: echo "version $VERSION"; ls
`;
const GREEN = '<testsuite><testcase name="adds"/></testsuite>';
const RED = readFileSync(join(import.meta.dir, "../reports/fixtures/pytest.xml"), "utf8");

let sandbox: Sandbox;
beforeAll(async () => {
  const files = { "green.xml": GREEN, "results.xml": GREEN, "broken.xml": "<testsuite>\n<testcase" };
  sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": WEB, ...files });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

test("a job's variables reach the next one without its files, its coverage and tests are in the report", async () => {
  const { status, stdout, stderr } = await sandbox.cicd("run");
  expect(status).toBe(0);
  const log = stdout + stderr;
  expect(log).toContain("[unit] cicd: warning: junit: broken.xml:2: unclosed tag: testsuite");
  expect(log).toContain("[use] version 1.2 beta");
  expect(log).not.toContain("[use] red.xml");
  const report = await sandbox.cicd("report", "-p", "web", "--run", "1");
  expect(report.stdout).toMatch(/TESTS +COVERAGE/);
  expect(report.stdout).toMatch(/unit .* 1 +81\.5%/);
  for (const path of ["build.env", "red.xml", "broken.xml", "green.xml"])
    expect(report.stdout).toContain(path);
  const got = await sandbox.cicd("artifacts", "get", "--output", "out");
  expect(got.stdout).toContain("4 artifacts");
  expect(readFileSync(join(sandbox.repo, "out/build.env"), "utf8")).toContain("1.2 beta");
}, 60_000);

test("failing tests stand first, with file and line, at the end of the run and in reports", async () => {
  await sandbox.write({ "results.xml": RED, fail: "" });
  const { status, stdout } = await sandbox.cicd("run");
  expect(status).toBe(1);
  const tests = [
    "2 failing tests, 2 new",
    "  ✗ unit: tests.test_sum > test_carries[10-0]  tests/test_sum.py:7  new",
    "      assert 0 == 10",
    "  ✗ unit: tests.test_db > test_connects  tests/conftest.py:4  new",
    '      failed on setup with "ConnectionError: no route"',
  ].join("\n");
  expect(stdout).toContain(tests);
  expect(stdout.indexOf(tests)).toBeLessThan(stdout.indexOf("web #2 failed"));
  const ofRun = await sandbox.cicd("report", "-p", "web", "--run", "2");
  expect(ofRun.stdout.split("\n").slice(1, 6).join("\n")).toBe(tests);
  expect(ofRun.stdout).toContain("2 of 4 failed");
  const ofAll = await sandbox.cicd("report", "-p", "web");
  expect(ofAll.stdout.startsWith(tests)).toBeTrue();
  const markdown = await sandbox.cicd("report", "-p", "web", "--run", "2", "--format", "markdown");
  expect(markdown.stdout).toContain("- unit: `tests.test_db > test_connects` (`tests/conftest.py:4`), new");
  const json = await sandbox.cicd("report", "-p", "web", "--run", "2", "-s", "test", "-j", "unit", "--json");
  expect(JSON.parse(json.stdout).job).toMatchObject({
    tests: { total: 4, failed: 1, errors: 1, skipped: 1 },
    coverage: 81.5,
    failingTests: [
      { name: "test_carries[10-0]", kind: "failure", isNew: true, since: 2 },
      { name: "test_connects", kind: "error", file: "tests/conftest.py", line: 4 },
    ],
  });
}, 60_000);
