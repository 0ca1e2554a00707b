import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import type { Ended, Sandbox } from "../support/sandbox.ts";
import type { Mode } from "./mode.ts";

const GREEN = `
name: web
stages: [build, test]
jobs:
  compile:
    stage: build
    script: ["mkdir dist", "echo one > dist/a.txt", "echo two > dist/b.txt"]
    artifacts: { paths: [dist/] }
  unit: { stage: test, script: ["cat dist/a.txt", "echo unit is done"] }
  lint: { stage: test, script: "exit 3", allow_failure: true }
`;

const RED = `
name: red
stages: [test, deploy]
jobs:
  unit: { stage: test, script: ["echo 'the last words'", "test -e /nonexistent/mended || exit 7"] }
  ship: { stage: deploy, script: "true" }
`;

const BROKEN = "name: broken\nstages: [test]\njobs:\n  unit: { stage: tset, scirpt: ls }\n";

const json = (ended: Ended) => JSON.parse(ended.stdout);

/** What every command promises, wherever its answers come from. */
export function commandsSuite(mode: Mode): void {
  let sandbox: Sandbox;
  let green: Ended;

  beforeAll(async () => {
    sandbox = await mode.open({
      ".cicd-pipelines/web.yml": GREEN,
      "other/red.yml": RED,
      "other/broken.yml": BROKEN,
    });
    green = await sandbox.cicd("run");
  }, 60_000);
  afterAll(() => sandbox[Symbol.asyncDispose]());

  describe("cicd run", () => {
    test("shows progress on stderr and its summary on stdout", () => {
      expect(green.status).toBe(0);
      expect(green.stderr).toContain("[unit] unit is done\n");
      expect(green.stderr).toMatch(/^web #1 · main · [0-9a-f]{8} Begin · 0 modified, 0 untracked · shell\n/);
      expect(green.stdout.replace(/\d+(\.\d+)?m?s/g, "T").replace(/ +/g, " ")).toBe(
        [
          " build ✓ compile T",
          " test ✓ unit T",
          " ! lint T exit code 3 (allowed)",
          "! web #1 succeeded with warnings in T",
          "",
        ].join("\n"),
      );
    });

    test("exits with 1 and shows the last lines when a job fails", async () => {
      const red = await sandbox.cicd("run", "-f", "other/red.yml");
      expect(red.status).toBe(1);
      expect(red.stderr).toContain("── unit: the last");
      expect(red.stderr).toContain("the last words\n");
      expect(red.stdout).toMatch(/✗ unit +\S+ +exit code 7/);
      expect(red.stdout).toMatch(/⊘ ship +skipped/);
    });

    test("refuses a broken file with every problem, exit 2, and records nothing", async () => {
      const broken = await sandbox.cicd("run", "-f", "other/broken.yml");
      expect(broken.status).toBe(2);
      expect(broken.stderr).toContain("[CONFIG_UNKNOWN_STAGE]");
      expect(broken.stderr).toContain('did you mean "script"?');
      expect(broken.stderr).toContain("[CONFIG_INVALID]");
      expect(broken.stdout).toBe("");
      const machine = await sandbox.cicd("run", "-f", "other/broken.yml", "--json");
      expect(json(machine).error.code).toBe("CONFIG_INVALID");
      expect(json(machine).error.diagnostics.length).toBeGreaterThan(1);
      expect((await sandbox.cicd("report", "-p", "broken")).status).toBe(2);
    });

    test("--json prints an event per line and the whole run last", async () => {
      const { status, stdout, stderr } = await sandbox.cicd("run", "--json");
      expect([status, stderr]).toEqual([0, ""]);
      const events = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(events[0]).toMatchObject({ type: "run.created", pipeline: "web" });
      const types = new Set(events.map((event) => event.type));
      expect([...types]).toContain("job.started");
      const text = events
        .filter((event) => event.type === "job.log" && event.job === "unit")
        .map((event) => event.text);
      expect(text.join("")).toContain("unit is done\n");
      const last = events.at(-1);
      expect(last).toMatchObject({
        type: "run.finished",
        run: { pipeline: "web", status: "success", warnings: true },
      });
      expect(events.filter((event) => event.type === "run.finished")).toHaveLength(1);
    });

    test("--quiet says only how it ended", async () => {
      const { stdout, stderr } = await sandbox.cicd("run", "--quiet");
      expect(stderr).toBe("");
      expect(stdout).toMatch(/^! web #\d+ succeeded with warnings in \S+\n$/);
    });

    test("takes variables and overrides for this run only", async () => {
      const { stderr } = await sandbox.cicd(
        "run",
        "--var",
        "WHO=you",
        "-o",
        'jobs.unit.script=echo "hello $WHO"',
      );
      expect(stderr).toContain("[unit] hello you\n");
      expect((await sandbox.cicd("dryrun", "-v")).stdout).toContain("echo unit is done");
    });

    test("--detach returns at once; the run ends by itself and is found by the others", async () => {
      const { status, stdout } = await sandbox.cicd("run", "--detach");
      expect(status).toBe(0);
      const number = /^web #(\d+)\n$/.exec(stdout)![1]!;
      const followed = await sandbox.cicd("logs", "-f", "-p", "web", "--run", number, "--job", "unit");
      expect(followed.stdout).toContain("unit is done\n");
      let report = json(await sandbox.cicd("report", "-p", "web", "--run", number, "--json"));
      const deadline = Date.now() + 10_000;
      while (report.run.status !== "success" && Date.now() < deadline) {
        report = json(await sandbox.cicd("report", "-p", "web", "--run", number, "--json"));
      }
      expect(report.run.status).toBe("success");
    });
  });

  describe("an interrupted run", () => {
    const SLOW = `
name: slow
stages: [test]
jobs:
  wait: { stage: test, script: ["echo begun", "sleep 600"] }
  next: { stage: test, needs: [wait], script: "true" }
`;

    async function startSlow(): Promise<{ child: ReturnType<Sandbox["start"]>; stderr: Promise<string> }> {
      await sandbox.write({ "other/slow.yml": SLOW });
      const child = sandbox.start("run", "-f", "other/slow.yml");
      const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
      let seen = "";
      const readOn = async (isEnough: () => boolean): Promise<string> => {
        while (!isEnough()) {
          const { value, done } = await reader.read();
          if (done) break;
          seen += value;
        }
        return seen;
      };
      await readOn(() => seen.includes("[wait] begun\n"));
      return { child, stderr: readOn(() => false) };
    }

    // A server's run outlives the terminal: see on-server.test.ts.
    test.each([...(["SIGINT", "SIGTERM"] as const), ...(mode.kind === "local" ? ["SIGHUP" as const] : [])])(
      "by %s is canceled cleanly, exit 130",
      async (signal) => {
        const { child, stderr } = await startSlow();
        child.kill(signal);
        expect(await child.exited).toBe(130);
        // A server kills nobody's jobs for an impatient client: a second Ctrl-C only leaves.
        const next = mode.kind === "local" ? "again to kill" : "stops waiting";
        expect(await stderr).toContain(`canceling, Ctrl-C ${next}\n`);
        const { runs } = json(await sandbox.cicd("report", "-p", "slow", "--json"));
        expect(runs[0].status).toBe("canceled");
        expect(runs[0].stages[0].jobs.map((job: { status: string }) => job.status)).toEqual([
          "canceled",
          "canceled",
        ]);
      },
    );

    test("from another terminal exits with 4; `cancel` names the jobs and then finds nothing", async () => {
      const { child } = await startSlow();
      const canceled = await sandbox.cicd("cancel", "-p", "slow");
      expect([canceled.status, canceled.stdout]).toEqual([
        0,
        expect.stringMatching(/^⊘ slow #\d+ is canceled; 1 job ended: wait\n$/),
      ]);
      expect(await child.exited).toBe(4);
      expect((await sandbox.cicd("cancel")).stdout).toBe("nothing was running\n");
      expect(json(await sandbox.cicd("stop", "--json"))).toEqual({ stopped: [] });
    });

    test("stopped by its file says what still runs, and a second interrupt kills", async () => {
      const { child } = await startSlow();
      const stopped = await sandbox.cicd("stop", "-f", "other/slow.yml");
      expect(stopped.stdout).toMatch(/^● slow #\d+ starts nothing more; still running: wait\n$/);
      child.kill("SIGINT");
      child.kill("SIGINT");
      expect(await child.exited).toBe(130);
    });
  });

  describe("the report", () => {
    test("has seven forms", async () => {
      const form = async (...args: string[]) => json(await sandbox.cicd("report", "--json", ...args));
      const { pipelines } = await form();
      expect(pipelines.map((entry: { name: string }) => entry.name)).toContain("web");
      const { runs } = await form("-p", "web");
      expect(runs.at(-1)).toMatchObject({
        number: 1,
        pipeline: "web",
        branch: "main",
        dirty: false,
        trigger: "cli",
      });
      const { run } = await form("-p", "web", "--run", "1");
      expect(Object.keys(run)).toEqual([
        "id",
        "number",
        "pipeline",
        "repo",
        "branch",
        "tag",
        "commit",
        "commitMessage",
        "dirty",
        "dirtyFiles",
        "trigger",
        "executor",
        "status",
        "warnings",
        "createdAt",
        "startedAt",
        "finishedAt",
        "durationMs",
        "awaits",
        "stages",
      ]);
      expect(run.stages[0].jobs[0]).toMatchObject({
        name: "compile",
        stage: "build",
        status: "success",
        allowFailure: false,
        failureReason: null,
        exitCode: 0,
        attempt: 1,
        needs: [],
        artifacts: [
          { path: "dist/a.txt", sizeBytes: 4, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
          { path: "dist/b.txt", sizeBytes: 4, sha256: expect.any(String) },
        ],
      });
      const { stages } = await form("-p", "web", "-s", "test");
      expect(stages.at(-1)).toMatchObject({ run: 1, name: "test", status: "success", warnings: true });
      const { stage } = await form("-p", "web", "--run", "1", "-s", "test");
      expect(stage.jobs.map((job: { name: string }) => job.name)).toEqual(["unit", "lint"]);
      const { jobs } = await form("-p", "web", "-s", "test", "-j", "lint");
      expect(jobs.at(-1)).toMatchObject({
        run: 1,
        name: "lint",
        status: "failed",
        allowFailure: true,
        exitCode: 3,
      });
      const { job } = await form("-p", "web", "--run", "1", "-s", "test", "-j", "unit");
      expect(job).toMatchObject({ name: "unit", status: "success" });
    });

    test.each([
      [["--run", "1"]],
      [["-s", "test"]],
      [["-p", "web", "-j", "unit"]],
      [["-p", "web", "--run", "1", "-j", "unit"]],
    ])("%j is none of them, and the valid ones are named", async (args) => {
      const { status, stderr } = await sandbox.cicd("report", ...args);
      expect(status).toBe(2);
      expect(stderr).toContain("[USAGE]");
      expect(stderr).toContain("-p --run -s -j");
    });

    test.each([
      [["-p", "wbe"], 'did you mean "web"?'],
      [["-p", "web", "--run", "999"], "the newest run of web is #"],
      [["-p", "web", "-s", "tset"], 'did you mean "test"?'],
      [["-p", "web", "-s", "test", "-j", "untit"], 'did you mean "unit"?'],
    ])("%j is not found, with a way on", async (args, hint) => {
      const { status, stderr } = await sandbox.cicd("report", ...args);
      expect(status).toBe(2);
      expect(stderr).toContain("[NOT_FOUND]");
      expect(stderr).toContain(hint);
    });
  });

  describe("logs, artifacts, retry", () => {
    test("the log of a job is exact, of all jobs prefixed", async () => {
      const one = await sandbox.cicd("logs", "-p", "web", "--run", "1", "--job", "unit");
      expect(one.stdout).toEndWith("$ cat dist/a.txt\none\n$ echo unit is done\nunit is done\n");
      const all = await sandbox.cicd("logs", "-p", "web", "--run", "1");
      for (const line of all.stdout.trimEnd().split("\n")) expect(line).toMatch(/^\[(compile|unit|lint)\] /);
    });

    test("a reader that goes away is no error", async () => {
      const loud = "name: loud\nstages: [test]\njobs:\n  a: { stage: test, script: seq 1 200000 }\n";
      await sandbox.write({ "other/loud.yml": loud });
      expect((await sandbox.cicd("run", "-q", "-f", "other/loud.yml")).status).toBe(0);
      const child = sandbox.start("logs", "-p", "loud", "--job", "a");
      const reader = child.stdout.getReader();
      await reader.read();
      await reader.cancel();
      expect(await child.exited).toBe(0);
      expect(await new Response(child.stderr).text()).toStartWith("loud #1");
    });

    test("artifacts are listed and fetched, all, by file and by directory", async () => {
      const listed = await sandbox.cicd("artifacts", "-p", "web", "--run", "1");
      expect(listed.stdout).toBe("compile  dist/a.txt  4 B\ncompile  dist/b.txt  4 B\n");
      const out = join(sandbox.directory, "out");
      const get = (...args: string[]) => sandbox.cicd("artifacts", "get", "-p", "web", "--run", "1", ...args);
      expect((await get("--output", out)).status).toBe(0);
      expect(await Bun.file(join(out, "dist/b.txt")).text()).toBe("two\n");
      expect((await get("--output", out)).status).toBe(2);
      expect((await get("--output", out, "--force")).status).toBe(0);
      const file = join(sandbox.directory, "file");
      expect((await get("dist/a.txt", "--output", file)).stdout).toBe(`1 artifact in ${file}\n`);
      expect(await Bun.file(join(file, "dist/a.txt")).text()).toBe("one\n");
      expect((await get("dist/c.txt", "--output", file)).stderr).toContain("[NOT_FOUND]");
      expect((await get("dist", "--output", join(sandbox.directory, "dir"))).stdout).toStartWith(
        "2 artifacts",
      );
    });

    test("retry runs again what failed, inside the same run, and says so when nothing did", async () => {
      const marker = join(sandbox.directory, "mended");
      await sandbox.write({
        "other/flaky.yml": RED.replace("name: red", "name: flaky").replace("/nonexistent/mended", marker),
      });
      expect((await sandbox.cicd("run", "-f", "other/flaky.yml")).status).toBe(1);
      await Bun.write(marker, "");
      const again = await sandbox.cicd("retry", "-p", "flaky");
      expect(again.status).toBe(0);
      expect(again.stderr).toContain("[unit] attempt 2 started\n");
      const { run } = json(await sandbox.cicd("report", "-p", "flaky", "--run", "1", "--json"));
      expect(run.status).toBe("success");
      expect(run.stages.map((stage: { jobs: { attempt: number }[] }) => stage.jobs[0]!.attempt)).toEqual([
        2, 1,
      ]);
      const nothing = await sandbox.cicd("retry", "-p", "flaky");
      expect([nothing.status, nothing.stderr]).toEqual([2, expect.stringContaining("[NOTHING_TO_DO]")]);
      expect((await sandbox.cicd("retry", "-p", "flaky", "--job", "shpi")).stderr).toContain(
        'did you mean "ship"?',
      );
    });
  });

  describe("manual jobs", () => {
    const GATED = `
name: gated
stages: [build, deploy, tell]
jobs:
  compile: { stage: build, script: "true" }
  ship it: { stage: deploy, script: "echo shipped", when: manual, allow_failure: false }
  notify: { stage: tell, script: "echo told" }
  rescue: { stage: tell, script: "true", when: on_failure, needs: [compile] }
`;

    test("are marked in the order of dryrun, and what waits for them too", async () => {
      await sandbox.write({ "other/gated.yml": GATED });
      const { stdout } = await sandbox.cicd("dryrun", "-f", "other/gated.yml");
      expect(stdout).toMatch(/2\. +ship it \(manual\), rescue\n +3\. +notify \(waits for ship it\)\n/);
    });

    test("are started by play, which the run says, and then what waits for them runs", async () => {
      await sandbox.write({ "other/gated.yml": GATED });
      const first = await sandbox.cicd("run", "-f", "other/gated.yml");
      expect(first.stdout).toContain("gated #1 waits for a manual job");
      expect(first.stderr).toContain("start ship it with: cicd play 'ship it' -p gated --run 1\n");
      const started = await sandbox.cicd("play", "ship it", "-p", "gated", "--run", "1");
      expect([started.status, started.stdout]).toEqual([0, expect.stringContaining("gated #1 succeeded")]);
      expect(started.stderr).toContain("[ship it] shipped\n");
      expect(started.stderr).toContain("[notify] told\n");
      const again = await sandbox.cicd("play", "ship it", "-p", "gated");
      expect([again.status, again.stderr]).toEqual([
        2,
        expect.stringContaining("it is success [NOTHING_TO_DO]"),
      ]);
      const unknown = await sandbox.cicd("play", "shp it", "-p", "gated");
      expect([unknown.status, unknown.stderr]).toEqual([
        2,
        expect.stringContaining('did you mean "ship it"?'),
      ]);
    });

    test("named with --manual start in their turn, and nothing else can be named so", async () => {
      await sandbox.write({ "other/gated.yml": GATED });
      const run = await sandbox.cicd("run", "-f", "other/gated.yml", "--manual", "ship it");
      expect([run.status, run.stdout]).toEqual([0, expect.stringContaining("succeeded")]);
      expect(run.stderr).toContain("[ship it] shipped\n");
      for (const [name, why] of [
        ["compile", '"compile" is not a manual job [USAGE]'],
        ["shpi it", 'there is no job "shpi it" [USAGE]'],
      ] as const) {
        const refused = await sandbox.cicd("run", "-f", "other/gated.yml", "--manual", name);
        expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining(why)]);
      }
    });

    test("that are delayed instead say when they start, and play starts them at once", async () => {
      const jobs =
        'late: { stage: build, script: "echo here", when: delayed, start_in: 1 hour, resource_group: g }';
      await sandbox.write({ "other/late.yml": `name: late\njobs:\n  ${jobs}\n` });
      const running = sandbox.cicd("run", "-f", "other/late.yml");
      const waiting = async () => {
        const report = await sandbox.cicd("report", "-p", "late", "--run", "1", "--json");
        return report.status === 0 ? json(report).run.stages[0].jobs[0] : undefined;
      };
      const { note, delayedUntil, status } = await eventually(waiting);
      expect(note).toMatch(/^"late" is delayed: it starts in (1h|59m .*)$/);
      expect([status, Date.parse(delayedUntil) > Date.now()]).toEqual(["pending", true]);
      expect((await sandbox.cicd("play", "late", "-p", "late")).status).toBe(0);
      const run = await running;
      expect([run.status, run.stdout]).toEqual([0, expect.stringContaining("late #1 succeeded")]);
      expect(run.stderr).toContain("[late] here\n");
      expect(run.stderr).toMatch(/\[late\] starts at (\S+ )?\d\d:\d\d \(in 1h\)\n/);
    });

    test("that a job asked for waits for, or that its rules leave out, are named even with --quiet", async () => {
      const gated = GATED.replace('script: "echo told"', 'script: "echo told", needs: [ship it]');
      await sandbox.write({ "other/gated.yml": gated });
      const run = (job: string) => sandbox.cicd("run", "-q", "-f", "other/gated.yml", "--job", job);
      expect((await run("notify")).stderr).toBe('"notify" did not run: it waits for "ship it"\n');
      expect((await run("rescue")).stderr).toBe(
        '"rescue" was skipped: it runs only after a failure, and nothing failed\n',
      );
      expect((await run("compile")).stderr).toBe("");
    });
  });

  describe("the smaller commands", () => {
    test.each(["list", "logs", "cancel", "stop", "artifacts"])(
      "%s refuses a commit that is none",
      async (command) => {
        const { status, stderr } = await sandbox.cicd(command, "-c", "12");
        expect([status, stderr]).toEqual([
          2,
          'cicd: --commit "12" is no commit: at least 4 hexadecimal digits [USAGE]\n',
        ]);
      },
    );

    test("check prints every problem with its place, and --json the same as data", async () => {
      const broken = await sandbox.cicd("check", "-f", "other/broken.yml");
      expect(broken.status).toBe(2);
      expect(broken.stdout).toContain("other/broken.yml:4:18 error [CONFIG_UNKNOWN_STAGE]");
      expect(broken.stdout).toEndWith("✗ other/broken.yml: 3 errors\n");
      const data = json(await sandbox.cicd("--check", "--config-file", "other/broken.yml", "--json"));
      expect(data.valid).toBe(false);
      expect(Object.keys(data.diagnostics[0])).toEqual([
        "code",
        "severity",
        "message",
        "file",
        "line",
        "column",
        "hint",
      ]);
      const whole = await sandbox.cicd(
        "check",
        "-o",
        "jobs.unit.image=busybox",
        "-o",
        "default.image=busybox",
      );
      expect([whole.status, whole.stdout]).toEqual([
        0,
        "✓ .cicd-pipelines/web.yml: web, 3 jobs in 2 stages\n",
      ]);
    });

    test("dryrun prints the plan and starts nothing", async () => {
      const before = json(await sandbox.cicd("list", "--json")).runs.length;
      const plan = json(await sandbox.cicd("--dryrun", "--json", "--job", "unit"));
      expect(plan).toMatchObject({ pipeline: "web", order: [["compile"], ["unit"]] });
      expect(plan.stages[1].jobs).toEqual([
        {
          name: "unit",
          image: null,
          needs: [],
          byNeeds: false,
          script: ["cat dist/a.txt", "echo unit is done"],
          when: "on_success",
          allowFailure: false,
          gate: null,
          rules: [],
        },
      ]);
      expect((await sandbox.cicd("plan")).stdout).toContain(
        "Order of starting\n  1.  compile\n  2.  unit, lint\n",
      );
      expect(json(await sandbox.cicd("list", "--json")).runs.length).toBe(before);
    });
  });

  test("explain says what would become of a job, and what became of it", async () => {
    const now = await sandbox.cicd("explain", "unit", "--var", "A=b");
    expect([now.status, now.stdout]).toEqual([
      0,
      [
        "web, as it is now",
        '"unit" would run',
        "  where  .cicd-pipelines/web.yml:9, stage test",
        "  when   on_success: once everything before it has succeeded",
        "  order  after all jobs of the earlier stages: build",
        "",
      ].join("\n"),
    ]);
    const { stdout } = await sandbox.cicd("explain", "ship", "-p", "red", "--run", "1");
    expect(stdout).toContain('red #1 (failed)\n"ship" was skipped: "unit" failed\n');
    const both = (await sandbox.cicd("explain", "lint", "--json")).stdout.trimEnd().split("\n");
    const [planned, recorded] = both.map((line) => JSON.parse(line));
    expect(planned).toMatchObject({ pipeline: "web", run: null, jobs: [{ job: "lint", state: "planned" }] });
    expect(recorded.jobs[0]).toMatchObject({
      state: "failed",
      verdict: '"lint" failed, which is allowed: its script ended with exit code 3',
    });
  });

  test.each([
    [["run", "-o", "jobs.unti.timeout=5m"], "CONFIG_INVALID", "unti"],
    [["run", "-o", "nothing"], "USAGE", "path=value"],
    [["run", "--job", "unti"], "NOT_FOUND", "unit"],
    [["explain", "unti"], "NOT_FOUND", 'did you mean "unit"?'],
    [["explain"], "USAGE", "the name of a job"],
    [["run", "-b", "no-such-branch"], "GIT_REF_NOT_FOUND", "no-such-branch"],
    [["dryrun", "-p", "wbe"], "CONFIG_NOT_FOUND", 'did you mean "web"?'],
    [["check", "-f", "other"], "CONFIG_UNREADABLE", "is a directory"],
    [["check", "-f", "none.yml"], "CONFIG_NOT_FOUND", "none.yml"],
  ])("%j is exit 2 with a code and a way on", (args, code, part) => refuses(sandbox, args, code, part));
}

/** A command line is answered with status 2 and this code, for people and for programs. */
export async function refuses(sandbox: Sandbox, args: string[], code: string, part: string): Promise<void> {
  const human = await sandbox.cicd(...args);
  expect([human.status, human.stdout]).toEqual([2, ""]);
  expect(human.stderr).toContain(`[${code}]`);
  expect(human.stderr).toContain(part);
  expect(human.stderr).not.toMatch(/\n\s+at /);
  const machine = await sandbox.cicd(...args, "--json");
  expect([machine.status, machine.stderr, json(machine).error.code]).toEqual([2, "", code]);
}
