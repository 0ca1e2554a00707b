import { afterAll, beforeAll, expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";

const FILE = `
stages: [compile, test]
variables: { GLOBAL: "global", RAW: { value: "$GLOBAL", expand: false } }
before_script: [echo "before $CI_JOB_NAME"]
compile:
  stage: compile
  script: echo made > made.txt
  artifacts: { paths: [made.txt], expose_as: made }
other:
  stage: compile
  script: echo made > other.txt
  artifacts: { paths: [other.txt] }
unit:
  script: 'echo "unit has" *.txt; echo "raw is $RAW"'
  dependencies: [compile]
bare:
  script: 'echo "bare has \${GLOBAL:-no} variable"'
  inherit: { default: false, variables: false }
failing: { script: exit 1, allow_failure: yes }
on-main: { script: echo on-main, only: [main] }
not-on-main: { script: echo not-here, except: [main] }
only-requests: { script: echo not-here, only: [merge_requests] }
last: { stage: .post, script: echo last }
first: { stage: .pre, script: echo first }
`;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open({ ".gitlab-ci.yml": FILE }, { CICD_EXECUTOR: "shell" });
  await sandbox.git("branch", "-M", "main");
});
afterAll(() => sandbox[Symbol.asyncDispose]());

test("a .gitlab-ci.yml runs with GitLab's stages, defaults, variables, dependencies and refs", async () => {
  const { status, stdout, stderr } = await sandbox.cicd("run");
  expect(status).toBe(0);
  const shown = stdout + stderr;
  expect(stderr).toContain('.gitlab-ci.yml:8: "expose_as" has no effect here');
  for (const said of ["before compile", "unit has made.txt\n", "raw is $GLOBAL", "[on-main] on-main"])
    expect(shown).toContain(said);
  expect(shown).toContain("bare has no variable");
  for (const unsaid of ["before bare", "not-here"]) expect(shown).not.toContain(unsaid);
  const order = ["first", "compile", "unit", "last"].map((job) => shown.indexOf(`[${job}] started`));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(order[0]).toBeGreaterThanOrEqual(0);
}, 30_000);

test("what has no effect is named, and what cannot run is refused", async () => {
  const { status, stdout, stderr } = await sandbox.cicd("check");
  expect(status).toBe(0);
  expect(stdout + stderr).toContain('[GITLAB_LEFTOVER] "expose_as" has no effect here');
  await sandbox.write({
    ".gitlab-ci.yml": `${FILE}broken: { script: ls, cache: { paths: [x], key: { files_commits: [a.lock] } } }\n`,
  });
  const refused = await sandbox.cicd("run");
  expect(refused.status).toBe(2);
  expect(refused.stdout + refused.stderr).toContain(
    '[CONFIG_NOT_SUPPORTED] "files_commits" is not supported',
  );
}, 30_000);
