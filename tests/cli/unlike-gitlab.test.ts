import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/sandbox.ts";

/** Where `cicd` is unlike GitLab on purpose, as docs/pipeline.md lists it by these letters, each in a run. */
const WEB = `name: web
default: { image: busybox }
stages: [build, test]
jobs:
  bad: { stage: build, script: exit 7 }
  slow: { stage: build, script: [sleep 0.4, echo slow has ended] }
  unit: { stage: test, script: ls, needs: [bad] }
  tidy: { stage: test, script: echo tidied, needs: [bad, slow], when: on_failure }
  tell: { stage: test, script: echo told, needs: [unit], when: on_failure }
`;
const LATE = `name: late
default: { image: busybox }
jobs:
  flaky:
    stage: build
    script: [touch "$MARKS/tried-$CICD_ATTEMPT", 'test "$CICD_ATTEMPT" = 2']
    retry: { max: 1, exit_codes: [1] }
  endless: { stage: build, script: sleep 600, timeout: 1s, allow_failure: true }
  changed: { stage: test, script: echo it changed, rules: [{ changes: [src/**] }] }
`;
const LONG = `name: long
default: { image: busybox }
jobs:
  deploy: { stage: build, script: [echo deploying, sleep 600] }
  clean: { stage: deploy, script: echo cleaned, needs: [deploy], when: always }
`;

let sandbox: Sandbox;
beforeAll(async () => {
  const files = {
    ".cicd-pipelines/web.yml": WEB,
    ".cicd-pipelines/late.yml": LATE,
    ".cicd-pipelines/long.yml": LONG,
    "src/a": "a",
  };
  sandbox = await Sandbox.open(files, { CICD_EXECUTOR: "shell" });
}, 60_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

test("(a) a job waits until all its needs have ended, and (b) on_failure sees a failure behind skipped jobs", async () => {
  const { status, stderr, stdout } = await sandbox.cicd("run", "-p", "web");
  expect(status).toBe(1);
  expect(stdout).toMatch(/unit +.*skipped/);
  expect(stderr).toContain("[tell] told");
  const [ended, tidied] = ["[slow] slow has ended", "[tidy] tidied"].map((line) => stderr.indexOf(line));
  expect(ended).toBeGreaterThan(0);
  expect(tidied).toBeGreaterThan(ended!);
}, 30_000);

test("(c) always runs after a need that was canceled, too", async () => {
  const running = sandbox.cicd("run", "-p", "long");
  await eventually(async () => (await sandbox.cicd("logs", "-p", "long")).stdout.includes("] deploying"));
  await sandbox.cicd("cancel", "-p", "long");
  expect((await running).stderr).not.toContain("cleaned");
  const again = await sandbox.cicd("retry", "-p", "long", "--job", "clean");
  expect(again.stderr).toContain("[clean] cleaned");
  expect((await sandbox.cicd("report", "-p", "long", "--run", "1")).stdout).toMatch(/deploy +.*canceled/);
}, 30_000);

test("(d) changes are those since the default branch, and what is not committed; (f) timeout and retry hold", async () => {
  const marks = sandbox.directory;
  const first = await sandbox.cicd("run", "-p", "late", "--var", `MARKS=${marks}`);
  expect(first.status).toBe(0);
  expect(first.stdout).toMatch(/endless +.*job timeout/);
  for (const attempt of [1, 2]) expect(await Bun.file(`${marks}/tried-${attempt}`).exists()).toBe(true);
  expect(first.stderr).not.toContain("it changed");
  await sandbox.write({ "src/new": "n" });
  const jobs = ["--job", "changed", "--var", `MARKS=${marks}`];
  expect((await sandbox.cicd("run", "-p", "late", ...jobs)).stderr).toContain("[changed] it changed");
  await sandbox.git("clean", "-fdq");
}, 30_000);

test("(e) a job that its rules leave out is not run by its name, and that is said", async () => {
  const { status, stderr } = await sandbox.cicd("run", "-p", "late", "--job", "changed");
  expect(status).toBe(2);
  expect(stderr).toContain('the rules leave out the job "changed"');
}, 30_000);

test("(g) unknown keys are errors; keys of GitLab that have no effect are warnings", async () => {
  await using other = await Sandbox.open(
    { ".gitlab-ci.yml": "unit: { script: echo ran, release: { tag_name: v1 } }\n" },
    { CICD_EXECUTOR: "shell" },
  );
  const named = await other.cicd("run");
  expect([named.status, named.stderr]).toEqual([0, expect.stringContaining('"release" has no effect here')]);
  await other.write({ ".gitlab-ci.yml": "unit: { script: echo ran, scirpt: echo }\n" });
  const unknown = await other.cicd("run");
  expect(unknown.status).toBe(2);
  expect(unknown.stderr).toMatch(
    /\.gitlab-ci\.yml:1:27 error \[CONFIG_UNKNOWN_KEY\].*\n.*\n.*\n.*did you mean "script"/,
  );
}, 30_000);
