import { expect, test } from "bun:test";
import { testImage } from "../support/images.ts";
import { Sandbox } from "../support/sandbox.ts";

const FILES = {
  ".gitlab-ci.yml": `
include:
  - local: ci/templates.yml
  - local: "ci/jobs/*.yml"
stages: [build, test, package, deploy]
workflow:
  rules:
    - if: $CI_COMMIT_MESSAGE =~ /-draft$/
      when: never
    - when: always
variables:
  APP: shop
image: cicd-test/busybox:1
before_script:
  - echo "on $CI_COMMIT_BRANCH by $CI_PIPELINE_SOURCE"
compile:
  stage: build
  script:
    - mkdir -p out
    - tr a-z A-Z < src/main.txt > "out/$TARGET.txt"
  parallel:
    matrix:
      - TARGET: [linux, darwin]
  artifacts:
    paths: [out/]
    expire_in: 1 week
package:
  stage: package
  needs:
    - compile
    - job: unit
      artifacts: false
  script: cat out/linux.txt out/darwin.txt > "$APP.txt"
  artifacts:
    name: "$APP-$CI_COMMIT_SHORT_SHA"
    paths: ["*.txt"]
deploy:
  extends: .manual
  stage: deploy
  script: ./deploy
  environment: { name: production, url: "https://$APP.example.org" }
`,
  "ci/templates.yml": `
.rules: &on_branches
  rules:
    - if: $CI_COMMIT_TAG
      when: never
    - if: $CI_COMMIT_BRANCH
.test:
  <<: *on_branches
  stage: test
  retry: 1
  script:
    - test -f src/main.txt
.manual:
  when: manual
  allow_failure: true
`,
  "ci/jobs/unit.yml": `
unit:
  extends: .test
  needs: [{ job: compile, parallel: { matrix: [{ TARGET: linux }] } }]
  script:
    - !reference [.test, script]
    - echo "unit has" out/*
lint:
  extends: .test
  needs: []
  script: [exit 3]
  retry: 0
  allow_failure: { exit_codes: 3 }
docs:
  extends: .test
  rules: [{ changes: [docs/**/*] }]
`,
  "src/main.txt": "hello\n",
};

test("a project's .gitlab-ci.yml runs in containers as it is", async () => {
  await testImage("busybox");
  await using sandbox = await Sandbox.open(FILES);
  const { status, stdout, stderr } = await sandbox.cicd("run");
  expect([status, stderr]).toEqual([0, expect.stringContaining("[unit] unit has out/linux.txt\n")]);
  expect(stderr).toContain("[compile: [linux]] on main by push\n");
  const states: [RegExp, string][] = [
    [/✓ compile: \[linux\]/, "one instance"],
    [/✓ compile: \[darwin\]/, "the other"],
    [/✓ unit/, "what needs one of them"],
    [/! lint .*exit code 3/, "an allowed failure"],
    [/✓ package/, "what needs artifacts"],
  ];
  for (const [shown, what] of states) expect([what, stdout]).toEqual([what, expect.stringMatching(shown)]);
  expect(stdout + stderr).not.toContain("docs");
  const report = JSON.parse((await sandbox.cicd("report", "-p", "gitlab-ci", "--run", "1", "--json")).stdout);
  const jobs: { name: string; status: string; artifacts: { path: string }[] }[] = report.run.stages.flatMap(
    (stage: { jobs: unknown[] }) => stage.jobs,
  );
  expect(jobs.find(({ name }) => name === "package")?.artifacts).toEqual([
    expect.objectContaining({ path: "shop.txt", sizeBytes: 12 }),
  ]);
  expect(jobs.find(({ name }) => name === "deploy")?.status).toBe("manual");
}, 60_000);

test("without an image it says where one may come from, and takes one from the command line", async () => {
  await testImage("busybox");
  await using sandbox = await Sandbox.open({ ".gitlab-ci.yml": "unit: { script: echo it ran }\n" });
  const refused = await sandbox.cicd("run");
  expect([refused.status, refused.stdout + refused.stderr]).toEqual([
    2,
    expect.stringContaining("CONFIG_MISSING_IMAGE"),
  ]);
  const { status, stderr } = await sandbox.cicd("run", "-o", "default.image=cicd-test/busybox:1");
  expect([status, stderr]).toEqual([0, expect.stringContaining("[unit] it ran\n")]);
}, 60_000);
