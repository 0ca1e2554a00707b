import { describe, expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";

const SHELL = { CICD_EXECUTOR: "shell" };

describe("a pipeline in several files", () => {
  const FILES = {
    ".gitignore": "ignored.yml\n",
    ".cicd-pipelines/web.yml": `name: web
include: ci/*.yml
jobs:
  unit: { extends: .base, script: [!reference [.base, script], echo own] }
`,
    "ci/base.yml": 'jobs:\n  .base: { stage: test, variables: { WHO: base }, script: [echo "hello $WHO"] }\n',
    "ci/ignored.yml": "variables: { WHO: ignored }\n",
  };

  test("runs what they make together, without those that git ignores", async () => {
    await using sandbox = await Sandbox.open(FILES, SHELL);
    const { status, stderr } = await sandbox.cicd("run");
    expect([status, stderr]).toEqual([0, expect.stringContaining("[unit] hello base\n")]);
    expect(stderr).toContain("[unit] own\n");
  });

  test("shows a problem in the file it was written in", async () => {
    const broken = { "ci/base.yml": "jobs:\n  .base: { stage: test, timout: 5m, script: [ls] }\n" };
    await using sandbox = await Sandbox.open({ ...FILES, ...broken }, SHELL);
    const { status, stderr, stdout } = await sandbox.cicd("check");
    expect(status).toBe(2);
    expect(stderr + stdout).toContain('ci/base.yml:2:25 error [CONFIG_UNKNOWN_KEY] unknown key "timout"');
    expect(stderr + stdout).toContain("    2 |   .base: { stage: test, timout: 5m, script: [ls] }");
  });

  test("is read by its path as well, from inside the repository", async () => {
    await using sandbox = await Sandbox.open(FILES, SHELL);
    const { status, stdout } = await sandbox.cicd("check", "-f", ".cicd-pipelines/web.yml");
    expect([status, stdout]).toEqual([0, expect.stringContaining("web, 1 job in 1 stage")]);
  });
});

describe("a repository with a .gitlab-ci.yml alone", () => {
  const FILES = {
    ".gitlab-ci.yml": "include: /ci/base.yml\nunit:\n  extends: .base\n",
    "ci/base.yml": ".base:\n  script: [echo from the template]\n",
  };

  test("is run by it", async () => {
    await using sandbox = await Sandbox.open(FILES, SHELL);
    const { status, stderr } = await sandbox.cicd("run");
    expect([status, stderr]).toEqual([0, expect.stringContaining("[unit] from the template\n")]);
  });

  test("is run by its own pipeline once it has one", async () => {
    const own = { ".cicd-pipelines/web.yml": "name: web\njobs: { own: { stage: test, script: [ls] } }\n" };
    await using sandbox = await Sandbox.open({ ...FILES, ...own }, SHELL);
    const { stdout } = await sandbox.cicd("check");
    expect(stdout).toContain(".cicd-pipelines/web.yml");
    expect(stdout).not.toContain(".gitlab-ci.yml");
  });
});
