import { afterAll, beforeAll, expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";

const WEB = `
name: web
stages: [build, test]
jobs:
  build:
    stage: build
    script: echo "$OS is $CI_NODE_INDEX of $CI_NODE_TOTAL, by $CI_PIPELINE_SOURCE" > "$OS.txt"
    artifacts: { paths: ["*.txt"] }
    parallel: { matrix: [{ OS: [linux, darwin] }] }
  changed:
    stage: test
    script: echo changed
    rules: [{ changes: ["src/**/*"] }]
  image:
    stage: test
    script: echo image
    rules: [{ exists: [Dockerfile] }]
  main:
    stage: test
    script: echo "by $WHO -" *.txt; cat linux.txt
    needs: [{ job: build, parallel: { matrix: [{ OS: linux }] } }]
    rules: [{ if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH, variables: { WHO: default } }]
`;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": WEB, "src/a": "a" }, { CICD_EXECUTOR: "shell" });
  await sandbox.git("branch", "-M", "main");
});
afterAll(() => sandbox[Symbol.asyncDispose]());

async function plannedJobs(...args: string[]): Promise<string[]> {
  const { status, stdout } = await sandbox.cicd("dryrun", "--json", ...args);
  expect(status).toBe(0);
  const plan: { stages: { jobs: { name: string }[] }[] } = JSON.parse(stdout);
  return plan.stages.flatMap(({ jobs }) => jobs.map(({ name }) => name));
}

test("a run has the jobs whose rules hold, multiplied, with what their matrix and rule give them", async () => {
  const { status, stdout, stderr } = await sandbox.cicd("run");
  expect(status).toBe(0);
  const shown = stdout + stderr;
  expect(shown).toContain("by default - linux.txt");
  expect(shown).toContain("linux is 1 of 2, by push");
  expect(stdout).toContain("build: [darwin]");
  expect(shown).not.toContain("[changed]");
  expect(shown).not.toContain("[image]");
}, 30_000);

test("a job that its rules leave out is not run by its name either, and the rule says why", async () => {
  const { status, stderr } = await sandbox.cicd("run", "--job", "image");
  expect(status).toBe(2);
  expect(stderr).toContain('the rules leave out the job "image"');
  expect(stderr).toContain("exists Dockerfile (there is no such file)");
}, 30_000);

test("what changed is what left the default branch, and what is not committed", async () => {
  expect(await plannedJobs()).not.toContain("changed");
  await sandbox.write({ "src/deep/b": "new", Dockerfile: "FROM scratch" });
  expect(await plannedJobs()).toEqual(["build: [linux]", "build: [darwin]", "changed", "image", "main"]);
  await sandbox.git("checkout", "-q", "-b", "topic");
  await sandbox.git("add", ".");
  await sandbox.git("commit", "-q", "-m", "topic");
  expect(await plannedJobs()).toEqual(["build: [linux]", "build: [darwin]", "changed", "image"]);
  await sandbox.git("mv", "src/deep/b", "b");
  expect(await plannedJobs()).not.toContain("changed");
  await sandbox.git("mv", "src/a", "a");
  expect(await plannedJobs()).toContain("changed");
  expect(await plannedJobs("-b", "main")).toEqual(["build: [linux]", "build: [darwin]", "main"]);
}, 60_000);

test("a base that is none is an error, a variable of the command line is seen", async () => {
  const keys = "rules: [{ changes: { paths: [src/*], compare_to: $BASE } }]";
  const other = `name: other\njobs:\n  a: { stage: test, script: ls, ${keys} }\n`;
  await sandbox.write({ ".cicd-pipelines/other.yml": other });
  const wrong = await sandbox.cicd("dryrun", "-p", "other", "--var", "BASE=gone");
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain("GIT_REF_NOT_FOUND");
  expect(await plannedJobs("-p", "other", "--var", "BASE=main")).toEqual(["a"]);
}, 60_000);
