import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Ended, Sandbox } from "../support/sandbox.ts";
import { refuses } from "./commands-suite.ts";
import { LOCAL } from "./mode.ts";

const WEB = 'name: web\nstages: [test]\njobs:\n  unit: { stage: test, script: "true" }\n';

const json = (ended: Ended) => JSON.parse(ended.stdout);

describe("the commands about this machine", () => {
  test("init writes a file that passes the check, and never overwrites one", async () => {
    await using fresh = await Sandbox.open({ "package.json": '{"scripts":{"test":"node --test"}}' });
    const written = await fresh.cicd("init");
    expect([written.status, written.stdout]).toEqual([0, "wrote .cicd-pipelines/ci.yml\n"]);
    expect((await fresh.cicd("check")).status).toBe(0);
    expect((await fresh.cicd("init")).status).toBe(2);
  });

  test("doctor finds everything, and fails where something needed is broken", async () => {
    await using sandbox = await LOCAL.open({ ".cicd-pipelines/web.yml": WEB });
    const { findings } = json(await sandbox.cicd("doctor", "--json"));
    const names = findings.map((finding: { name: string }) => finding.name);
    expect(names).toEqual(["git", "docker", "database", "state directory", "disk"]);
    await using lost = await Sandbox.open({ "README.md": "" }, { DOCKER_HOST: "unix:///nonexistent.sock" });
    const broken = await lost.cicd("doctor");
    expect(broken.status).toBe(3);
    expect(broken.stdout).toMatch(/✗ docker .*\[DOCKER_UNREACHABLE\]\n +→ /);
  });

  test("gc shows and removes what retention lets go", async () => {
    await using sandbox = await LOCAL.open({ ".cicd-pipelines/web.yml": WEB });
    for (let time = 0; time < 3; time++) expect((await sandbox.cicd("run", "-q")).status).toBe(0);
    const args = ["gc", "--keep-last", "1", "--older-than", "0s"];
    const shown = json(await sandbox.cicd(...args, "--dry-run", "--json"));
    expect(shown.runs.length).toBeGreaterThan(1);
    const removed = json(await sandbox.cicd(...args, "--json"));
    expect(removed.runs.length).toBe(shown.runs.length);
    const left = json(await sandbox.cicd("report", "-p", "web", "--json")).runs;
    expect(left).toHaveLength(1);
    expect(left[0].number).toBeGreaterThan(1);
  });

  test("schema is JSON", async () => {
    await using sandbox = await LOCAL.open({ "README.md": "" });
    expect(json(await sandbox.cicd("schema")).title).toBe("cicd pipeline");
  });
});

describe("a command line that makes no sense", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await LOCAL.open({ ".cicd-pipelines/web.yml": WEB });
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  test.each([
    [["chekc"], "USAGE", 'did you mean "check"?'],
    [["run", "--detahc"], "USAGE", "did you mean --detach?"],
    [["run", "extra"], "USAGE", 'unexpected argument "extra"'],
    [["run", "-p", "web", "-f", "a.yml"], "USAGE", "-p and -f exclude each other"],
    [["run", "--job", "unit", "--stage", "test"], "USAGE", "--job and --stage exclude each other"],
    [["run", "--var", "1X=2"], "USAGE", "NAME=VALUE"],
    [["run", "-q", "-v"], "USAGE", "--quiet and --verbose exclude each other"],
    [["run", "--jobs", "0"], "SETTINGS_INVALID", "--jobs"],
    [["run", "--server", "ci.example.org"], "SETTINGS_INVALID", "--server"],
    [["run", "--server", "https://ci", "--local"], "USAGE", "--local and --server exclude each other"],
    [
      ["run", "--server", "https://ci", "--executor", "shell"],
      "USAGE",
      "--executor means nothing to a server",
    ],
    [["retry", "--server", "https://ci", "--jobs", "2"], "USAGE", "--jobs means nothing to a server"],
    [["list", "--server", "https://ci", "--database", "sqlite:x"], "USAGE", "--database means nothing to"],
    [["list", "--all", "-p", "web"], "USAGE", "--all and -p exclude each other"],
    [["artifacts", "put"], "USAGE", "it knows ls and get"],
    [["gc", "--older-than", "soon"], "USAGE", "not a duration"],
    [["report", "--format", "xml"], "USAGE", "table, markdown or json"],
  ])("%j is exit 2 with a code and a way on", (args, code, part) => refuses(sandbox, args, code, part));
});

describe("what goes wrong around it", () => {
  test("no git, no Docker, no repository, no database are exit 3 with a code", async () => {
    await using sandbox = await LOCAL.open({ ".cicd-pipelines/web.yml": WEB });
    const outside = join(sandbox.directory, "outside");
    await mkdir(outside);
    const cases: [Record<string, string>, string[], string][] = [
      [{ PATH: "/nonexistent" }, ["run"], "GIT_MISSING"],
      [{ CICD_EXECUTOR: "", DOCKER_HOST: "unix:///nonexistent.sock" }, ["run"], "DOCKER_UNREACHABLE"],
      [{}, ["run", "-r", outside], "GIT_NOT_A_REPOSITORY"],
      [{}, ["list", "--database", "postgres://u:secret@127.0.0.1:1/none"], "STORE_UNREACHABLE"],
      [
        {},
        ["list", "--database", `sqlite:${join(sandbox.repo, ".cicd-pipelines/web.yml")}`],
        "STORE_CORRUPT",
      ],
    ];
    for (const [environment, args, code] of cases) {
      await using other = await Sandbox.open(
        { ".cicd-pipelines/web.yml": WEB },
        {
          CICD_EXECUTOR: "shell",
          ...environment,
        },
      ).catch(() => Sandbox.open({ ".cicd-pipelines/web.yml": WEB }, { CICD_EXECUTOR: "shell" }));
      Object.assign(other.environment, environment);
      const { status, stderr } = await other.cicd(...args);
      expect(stderr).toContain(`[${code}]`);
      expect(stderr).not.toContain("secret");
      expect(status).toBe(3);
    }
  }, 30_000);

  test("without Docker the hint names the way out", async () => {
    await using other = await Sandbox.open(
      { ".cicd-pipelines/web.yml": WEB },
      { DOCKER_HOST: "unix:///none.sock" },
    );
    expect((await other.cicd("run")).stderr).toContain("--executor shell");
  });

  test("a state directory that cannot be used is said so", async () => {
    await using sandbox = await LOCAL.open({ "README.md": "" });
    const file = join(sandbox.directory, "plain");
    await Bun.write(file, "");
    await chmod(file, 0o600);
    await using other = await Sandbox.open({ ".cicd-pipelines/web.yml": WEB });
    other.environment.CICD_STATE_DIR = join(file, "state");
    const { status, stderr } = await other.cicd("list");
    expect([status, stderr]).toEqual([3, expect.stringContaining("CICD_STATE_DIR")]);
    expect(
      (await other.cicd("check", "-f", ".cicd-pipelines/web.yml", "-o", "default.image=busybox")).status,
    ).toBe(0);
  });
});
