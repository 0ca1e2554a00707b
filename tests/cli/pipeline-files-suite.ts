import { describe, expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Ended } from "../support/sandbox.ts";
import type { Mode } from "./mode.ts";

const named = (name: string) =>
  `name: ${name}\njobs: { a: { stage: test, script: echo ${name}, image: busybox } }\n`;
const json = (ended: Ended) => JSON.parse(ended.stdout);

/** Which pipeline files a command finds, wherever they are judged. */
export function pipelineFilesSuite({ open }: Mode): void {
  describe("two files with one name", () => {
    const FILES = {
      ".cicd-pipelines/a.yml": named("web"),
      ".cicd-pipelines/b.yml": named("web"),
      ".cicd-pipelines/c.yml": named("docs"),
    };

    test("are an error of the second in check, dryrun and run", async () => {
      await using sandbox = await open(FILES);
      const place =
        ".cicd-pipelines/b.yml:1:7 error [CONFIG_DUPLICATE_KEY] the pipeline in .cicd-pipelines/a.yml";
      const checked = await sandbox.cicd("check");
      expect([checked.status, checked.stdout]).toEqual([2, expect.stringContaining(place)]);
      expect(checked.stdout).toContain("✓ .cicd-pipelines/a.yml: web");
      for (const command of ["dryrun", "run"]) {
        for (const args of [[], ["-p", "web"]]) {
          const { status, stderr } = await sandbox.cicd(command, ...args);
          expect([status, stderr]).toEqual([2, expect.stringContaining(place)]);
        }
      }
    });

    test("are no concern of a third", async () => {
      await using sandbox = await open(FILES);
      expect((await sandbox.cicd("run", "-p", "docs")).status).toBe(0);
    });
  });

  describe("a file that includes others", () => {
    const FILES = {
      ".cicd-pipelines/web.yml": `name: web
include:
  - ci/*.yml
  - { local: inputs.yml, inputs: { stage: deploy } }
  - { local: docs.yml, rules: [{ changes: [docs/**] }] }
  - { local: branch.yml, rules: [{ if: $CI_COMMIT_BRANCH == "topic", exists: [README.md] }] }
jobs:
  unit: { extends: .base }
  child: { stage: deploy, trigger: { include: child.yml } }
`,
      "ci/base.yml": "jobs:\n  .base: { stage: test, image: busybox, script: [ls] }\n",
      "inputs.yml":
        'spec: { inputs: { stage: {} } }\n---\njobs:\n  made: { stage: "$[[ inputs.stage ]]", image: busybox, script: ls }\n',
      "docs.yml": "jobs:\n  docs: { stage: doc, image: busybox, script: ls }\n",
      "branch.yml": "jobs:\n  branch: { stage: doc, image: busybox, script: ls }\n",
      "child.yml": "name: child\njobs:\n  low: { stage: test, image: busybox, script: ls }\n",
      "README.md": "Web\n",
      "docs/a.md": "A\n",
    };

    test("is checked, planned and explained with them, wherever that is done", async () => {
      await using sandbox = await open(FILES);
      await sandbox.git("checkout", "-q", "-b", "topic");
      expect((await sandbox.cicd("check")).stdout).toContain("web, 4 jobs in 3 stages");
      const jobsOf = async () => {
        const plan = json(await sandbox.cicd("dryrun", "--json"));
        return plan.stages.flatMap(({ jobs }: { jobs: { name: string }[] }) => jobs.map(({ name }) => name));
      };
      expect(await jobsOf()).toEqual(["unit", "branch", "made", "child"]);
      await sandbox.write({ "docs/a.md": "changed\n" });
      expect(await jobsOf()).toEqual(["unit", "docs", "branch", "made", "child"]);
      const explained = await sandbox.cicd("explain", "made", "-o", "jobs.made.stage=build");
      expect(explained.stdout).toContain("inputs.yml:4, stage build");
    });

    test("has its problems where they are written", async () => {
      await using sandbox = await open({
        ...FILES,
        "ci/base.yml": "jobs:\n  .base: { stage: test, scrpt: ls }\n",
      });
      for (const command of ["check", "dryrun"]) {
        const { status, stdout, stderr } = await sandbox.cicd(command);
        expect(status).toBe(2);
        expect(stdout + stderr).toContain('ci/base.yml:2:25 error [CONFIG_UNKNOWN_KEY] unknown key "scrpt"');
        expect(stdout + stderr).toContain("    2 |   .base: { stage: test, scrpt: ls }");
      }
    });
  });

  describe("a pipeline file that cannot be read", () => {
    test("is reported beside the others", async () => {
      await using sandbox = await open({ ".cicd-pipelines/good.yml": named("good") });
      const directory = join(sandbox.repo, ".cicd-pipelines");
      await mkdir(join(directory, "directory.yml"));
      await symlink("loop.yml", join(directory, "loop.yml"));
      await symlink("nothing", join(directory, "nowhere.yml"));
      await Bun.$`mkfifo ${join(directory, "pipe.yml")}`.quiet();
      const { valid, diagnostics } = json(await sandbox.cicd("check", "--json"));
      expect(valid).toBe(false);
      expect(diagnostics).toEqual(
        ["directory", "loop", "nowhere", "pipe"].map((name) => ({
          code: "CONFIG_UNREADABLE",
          severity: "error",
          message: expect.stringMatching(/^it (is|cannot be read: ELOOP)/),
          file: `.cicd-pipelines/${name}.yml`,
          line: 1,
          column: 1,
          hint: expect.any(String),
        })),
      );
      const { stdout } = await sandbox.cicd("check");
      expect(stdout).toContain("✓ .cicd-pipelines/good.yml: good");
      expect(stdout).not.toContain(sandbox.directory);
    });

    test("stops a run, which would silently leave it out", async () => {
      await using sandbox = await open({ ".cicd-pipelines/good.yml": named("good") });
      await symlink("nothing", join(sandbox.repo, ".cicd-pipelines", "nowhere.yml"));
      const { status, stderr } = await sandbox.cicd("run");
      expect([status, stderr]).toEqual([2, expect.stringContaining(".cicd-pipelines/nowhere.yml:1:1 error")]);
      expect((await sandbox.cicd("run", "-p", "good")).status).toBe(0);
    });

    test("is passed over when it is hidden, as the locks of editors are", async () => {
      await using sandbox = await open({ ".cicd-pipelines/good.yml": named("good") });
      await symlink("ann@box.42", join(sandbox.repo, ".cicd-pipelines", ".#good.yml"));
      expect((await sandbox.cicd("check")).stdout).toBe(
        "✓ .cicd-pipelines/good.yml: good, 1 job in 1 stage\n",
      );
      expect((await sandbox.cicd("run")).status).toBe(0);
    });
  });

  describe("-p", () => {
    test("with a file's name finds the file, and says when it means two", async () => {
      await using sandbox = await open({
        ".cicd-pipelines/web.yml": named("one"),
        ".cicd-pipelines/web.yaml": named("two"),
        ".cicd-pipelines/docs.yml": named("three"),
      });
      expect((await sandbox.cicd("dryrun", "-p", "docs")).stdout).toContain("three");
      const { status, stderr } = await sandbox.cicd("run", "-p", "web");
      expect([status, stderr]).toEqual([2, expect.stringContaining("[USAGE]")]);
      expect(stderr).toContain(".cicd-pipelines/web.yaml and .cicd-pipelines/web.yml");
      expect(stderr).toContain("(two, one)");
      expect((await sandbox.cicd("run", "-p", "docs.yml")).stderr).toContain("-f docs.yml");
    });

    test("finds a file by its name though it has other errors", async () => {
      const broken = `${named("web")}extra: 1\n`;
      await using sandbox = await open({
        ".cicd-pipelines/a.yml": broken,
        ".cicd-pipelines/b.yml": named("b"),
      });
      const { status, stdout } = await sandbox.cicd("check", "-p", "web");
      expect([status, stdout]).toEqual([2, expect.stringContaining("✗ .cicd-pipelines/a.yml: 1 error")]);
    });
  });

  describe("check and dryrun see the files that a run would take", () => {
    test("without those that git ignores, unless git knows them", async () => {
      await using sandbox = await open({
        ".cicd-pipelines/web.yml": named("web"),
        ".cicd-pipelines/known.yml": named("known"),
      });
      await sandbox.write({
        ".gitignore": "mine.yml\nknown.yml\n",
        ".cicd-pipelines/mine.yml": "name: web\n",
        ".cicd-pipelines/new.yml": named("new"),
      });
      const { status, stdout } = await sandbox.cicd("check");
      expect([status, [...stdout.matchAll(/(\w+)\.yml/g)].map(([, name]) => name)]).toEqual([
        0,
        ["known", "new", "web"],
      ]);
      expect((await sandbox.cicd("dryrun")).stdout).not.toContain("mine");
      const run = await sandbox.cicd("run");
      expect([run.status, run.stdout.match(/^. \w+ #1 succeeded/gm)?.length]).toEqual([0, 3]);
    });

    test("and none behind a link, or where all are ignored", async () => {
      await using sandbox = await open({ "ci/web.yml": named("web") });
      await symlink("ci", join(sandbox.repo, ".cicd-pipelines"));
      for (const command of ["check", "dryrun", "run"]) {
        const { status, stderr } = await sandbox.cicd(command);
        expect([status, stderr]).toEqual([2, expect.stringContaining("[CONFIG_NOT_FOUND]")]);
      }
      await using ignoring = await open({ ".gitignore": "*.yml\n" });
      await ignoring.write({ ".cicd-pipelines/web.yml": named("web") });
      expect((await ignoring.cicd("check")).stderr).toContain("[CONFIG_NOT_FOUND]");
    });
  });
}
