import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { newSchema } from "../support/postgres.ts";
import type { Ended, Sandbox } from "../support/sandbox.ts";
import { ServerProcess } from "../support/server.ts";
import { startAtTerminal } from "../support/terminal.ts";
import { commandsSuite } from "./commands-suite.ts";
import { onServer } from "./mode.ts";
import { pipelineFilesSuite } from "./pipeline-files-suite.ts";

let server: ServerProcess;
let schema: Awaited<ReturnType<typeof newSchema>>;
const mode = onServer(() => server);
const json = (ended: Ended) => JSON.parse(ended.stdout);

describe("on a server with PostgreSQL", () => {
  beforeAll(async () => {
    schema = await newSchema();
    server = await ServerProcess.open({ database: schema.url });
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await schema.drop();
  });

  commandsSuite(mode);
  pipelineFilesSuite(mode);

  describe("cicd run", () => {
    const SHOW = "name: web\njobs:\n  show: { stage: test, script: [cat kept.txt changed.txt new.txt] }\n";

    test("sends the working tree as it is, and only what the server has not", async () => {
      await using sandbox = await mode.open({
        ".cicd-pipelines/web.yml": SHOW,
        "kept.txt": "kept\n",
        "changed.txt": "old\n",
        "new.txt": "committed\n",
      });
      const sent = async (...args: string[]) =>
        /^sent (\d+) of (\d+) objects, \d+ kB$/m
          .exec((await sandbox.cicd("run", "-v", ...args)).stderr)
          ?.slice(1);
      const [first, all] = (await sent())!;
      expect([first, all]).toEqual(["6", "6"]);
      expect(await sent()).toEqual(["0", "6"]);
      await sandbox.write({ "changed.txt": "changed\n", "more/untracked.txt": "untracked\n" });
      const dirty = await sandbox.cicd("run", "-v");
      expect(dirty.stderr).toContain("sent 4 of 8 objects");
      expect(dirty.stderr).toContain("1 modified, 1 untracked");
      expect(dirty.stderr).toContain("[show] kept\n[show] changed\n[show] committed\n");
      expect(await sent("-b", "main")).toEqual(["0", "6"]);
    });

    test("says which of the user's own files are not sent", async () => {
      await using sandbox = await mode.open({
        ".gitignore": ".env\n.cicd\n",
        ".cicd-pipelines/web.yml": SHOW.replace("cat kept.txt changed.txt new.txt", 'echo "own=$OWN"'),
        ".env": "OWN=mine\n",
        ".cicd/variables.yml": "OWN: mine\n",
      });
      const { status, stderr } = await sandbox.cicd("run");
      expect([status, stderr]).toEqual([0, expect.any(String)]);
      expect(stderr).toContain(".env and .cicd/variables.yml are for runs on this host");
      expect(stderr).toMatch(/own=$/m);
    });

    test("of a URL has the server clone it, or say why not", async () => {
      await using sandbox = await mode.open({ "README.md": "" });
      const { status, stderr } = await sandbox.cicd("run", "-r", "https://127.0.0.1/some/repository.git");
      expect([status, stderr]).toEqual([2, expect.stringContaining("[GIT_URL_REFUSED]")]);
    });

    test("shows everything once although the server restarts, or is killed, meanwhile", async () => {
      const count = "for i in $(seq 1 60); do echo line $i; sleep 0.1; done";
      await using sandbox = await mode.open({
        ".cicd-pipelines/count.yml": `name: count\njobs:\n  a: { stage: test, script: ${JSON.stringify(count)} }\n`,
      });
      const ended = sandbox.cicd("run");
      await eventually(async () => (await sandbox.cicd("list")).stdout.includes("count #1"));
      const followers = [sandbox.cicd("logs", "-f"), sandbox.cicd("logs", "-f", "--job", "a")];
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        const at = async () => (await sandbox.cicd("logs")).stdout.split("\n").length;
        const before = await at().catch(() => 0);
        await eventually(async () => (await at()) > before + 3);
        await server.end(signal);
        await server.start();
      }
      const { status, stderr, stdout } = await ended;
      expect([status, stdout]).toEqual([0, expect.stringContaining("count #1 succeeded")]);
      const shown = [stderr, ...(await Promise.all(followers)).map((follower) => follower.stdout)];
      for (const text of shown) {
        const lines = [...text.matchAll(/^(?:\[a\] )?line (\d+)$/gm)].map(([, number]) => Number(number));
        expect(lines).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
      }
      expect(stderr.match(/is away; reconnecting/g)?.length ?? 0).toBeLessThanOrEqual(2);
    }, 60_000);
  });

  describe("at a terminal", () => {
    const SLOW = "name: slow\njobs:\n  wait: { stage: test, script: [echo begun, sleep 600] }\n";
    let sandbox: Sandbox;
    beforeAll(async () => {
      sandbox = await mode.open({ ".cicd-pipelines/slow.yml": SLOW });
    });
    afterAll(() => sandbox[Symbol.asyncDispose]());

    async function running() {
      const started = await startAtTerminal(sandbox, ["run"], {}, 40);
      await eventually(
        () => started.screen.toString().includes("● wait") && started.screen.toString().includes("$ sl"),
      );
      return started;
    }

    /** A run that was interrupted once, and asks what to do. */
    async function interrupted() {
      const started = await running();
      started.terminal.write("\x03");
      await eventually(() => started.screen.toString().endsWith("\n  press c to cancel it, d to detach"));
      return started;
    }

    test.each([
      ["d", "d"],
      ["Ctrl-D", "\x04"],
    ])("Ctrl-C asks; %s leaves the run alone, and says how to see it again", async (_, key) => {
      const { child, terminal, screen } = await interrupted();
      terminal.write(`x\n${key}`);
      expect(await child.exited).toBe(0);
      expect(screen.toString()).not.toMatch(/[●x]|press c/);
      expect(screen.unknown).toEqual([]);
      await eventually(() => /follow it with: cicd logs -f -p slow --run \d+/.test(screen.toString()));
      expect(json(await sandbox.cicd("list", "--json")).runs[0].status).toBe("running");
      expect((await sandbox.cicd("cancel")).status).toBe(0);
    });

    test("a run that ends before the question is answered has its own exit status", async () => {
      await sandbox.write({
        "short.yml":
          "name: short\njobs:\n  wait: { stage: test, script: [until test -e $GO; do sleep 0.1; done] }\n",
      });
      const go = join(sandbox.directory, "go");
      const started = await startAtTerminal(sandbox, ["run", "-f", "short.yml", "--var", `GO=${go}`]);
      await eventually(() => started.screen.toString().includes("until test"));
      started.terminal.write("\x03");
      await eventually(() => started.screen.toString().includes("press c"));
      await Bun.write(go, "");
      expect(await started.child.exited).toBe(0);
      await eventually(() => started.screen.toString().includes("short #1 succeeded"));
    });

    test.each([
      ["c cancels", "c"],
      ["Ctrl-C again cancels", "\x03"],
    ])("Ctrl-C asks; %s", async (_, answer) => {
      const { child, terminal, screen } = await interrupted();
      terminal.write(answer);
      expect(await child.exited).toBe(130);
      await eventually(() => /slow #\d+ was canceled/.test(screen.toString()));
      expect(screen.toString()).not.toMatch(/●|press c|stops waiting/);
    });

    test.each(["running", "asked"])("SIGTERM cancels without asking, also while it is %s", async (state) => {
      const { child, screen } = await (state === "asked" ? interrupted() : running());
      child.kill("SIGTERM");
      expect(await child.exited).toBe(130);
      await eventually(() => /slow #\d+ was canceled/.test(screen.toString()));
    });

    test.each(["running", "asked"])(
      "a terminal that closes leaves the run alone, also while it is %s",
      async (state) => {
        const { child, terminal } = await (state === "asked" ? interrupted() : running());
        terminal.close();
        expect(await child.exited).toBe(0);
        expect(json(await sandbox.cicd("list", "--json")).runs[0].status).toBe("running");
        expect((await sandbox.cicd("cancel")).status).toBe(0);
      },
    );
  });

  describe("a token", () => {
    test("that is wrong or missing is said to be, with a way on", async () => {
      await using sandbox = await mode.open({ ".cicd-pipelines/web.yml": "name: web\njobs: {}\n" });
      for (const token of ["cicd_wrong", ""]) {
        sandbox.environment.CICD_TOKEN = token;
        const { status, stderr } = await sandbox.cicd("list");
        expect([status, stderr]).toEqual([3, expect.stringContaining("[UNAUTHORIZED]")]);
        expect(stderr).toContain("CICD_TOKEN");
        expect(stderr).not.toContain("cicd_wrong");
      }
    });

    test("in a file that others may read is warned about", async () => {
      await using sandbox = await mode.open({ "README.md": "" });
      const { CICD_TOKEN, ...environment } = sandbox.environment;
      const file = join(environment.XDG_CONFIG_HOME!, "cicd", "config.yml");
      await Bun.write(file, `token: ${CICD_TOKEN}\n`);
      delete sandbox.environment.CICD_TOKEN;
      for (const [mode, text] of [
        ["644", `warning: ${file} holds a token and is open to others: chmod 600 ${file}\n`],
        ["600", ""],
      ] as const) {
        await Bun.$`chmod ${mode} ${file}`;
        const { status, stderr } = await sandbox.cicd("list");
        expect([status, stderr]).toEqual([0, `${text}no runs are recorded\n`]);
      }
    });

    test("that may only look starts nothing", async () => {
      await using sandbox = await mode.open({
        ".cicd-pipelines/web.yml": "name: web\njobs: { a: { stage: test, script: ls } }\n",
      });
      const made = await sandbox.cicd("token", "create", "--name", "looker", "--role", "read");
      sandbox.environment.CICD_TOKEN = made.stdout.trim();
      expect((await sandbox.cicd("list")).status).toBe(0);
      const { status, stderr } = await sandbox.cicd("run");
      expect([status, stderr]).toEqual([3, expect.stringContaining("[FORBIDDEN]")]);
    });
  });

  test("artifacts keep their links and modes on the way", async () => {
    const script = [
      "mkdir -p out/bin",
      "echo hi > out/bin/tool",
      "chmod +x out/bin/tool",
      "ln -s bin/tool out/link",
    ];
    await using sandbox = await mode.open({
      ".cicd-pipelines/made.yml": `name: made\njobs:\n  a: { stage: test, script: ${JSON.stringify(script)}, artifacts: { paths: [out/] } }\n`,
    });
    expect((await sandbox.cicd("run", "-q")).status).toBe(0);
    const target = join(sandbox.directory, "fetched");
    const fetched = await sandbox.cicd("artifacts", "get", "--output", target);
    expect([fetched.status, fetched.stderr]).toEqual([0, ""]);
    const listing =
      await Bun.$`cd ${target} && find . -type l -printf '%P -> %l\n' -o -perm -u+x -type f -printf '%P\n'`.text();
    expect(listing.split("\n").sort()).toEqual(["", "out/bin/tool", "out/link -> bin/tool"]);
  });

  test("a job that no worker may take says so, while it is shown and in the report", async () => {
    await using sandbox = await mode.open({
      ".cicd-pipelines/train.yml":
        "name: train\njobs:\n  a: { stage: test, script: ls, tags: [gpu] }\n  b: { stage: test, script: ls }\n",
    });
    const why = '"a" waits for a worker with the label gpu (shell); there is none';
    const child = sandbox.start("run");
    let shown = "";
    const reading = (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) shown += text;
    })();
    await eventually(() => shown.includes(`warning: ${why}\n`), { withinMs: 15_000 });
    const { run } = json(await sandbox.cicd("report", "-p", "train", "--run", "1", "--json"));
    const notes = run.stages[0].jobs.map(({ name, note }: { name: string; note: string }) => [name, note]);
    expect(notes).toEqual([
      ["a", why],
      ["b", null],
    ]);
    expect((await sandbox.cicd("report", "-p", "train", "--run", "1")).stdout).toContain(why);
    await sandbox.cicd("cancel");
    await reading;
    expect(await child.exited).toBe(4);
    expect(shown.split(why)).toHaveLength(2);
  }, 30_000);

  test.each(["serve", "worker"])("%s does not ask a server", async (command) => {
    await using sandbox = await mode.open({ "README.md": "" });
    const { status, stderr } = await sandbox.cicd(command, "--server", server.url);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(`--server means nothing to cicd ${command}`),
    ]);
  });

  test("another server cannot listen at the same address", async () => {
    await using sandbox = await mode.open({ "README.md": "" });
    const { status, stderr } = await sandbox.cicd(
      "serve",
      "--no-worker",
      "--listen",
      new URL(server.url).host,
    );
    expect([status, stderr]).toEqual([3, expect.stringContaining("it is in use [LISTEN_FAILED]")]);
  });

  test("doctor looks at the server as well", async () => {
    await using sandbox = await mode.open({ "README.md": "" });
    const { findings } = json(await sandbox.cicd("doctor", "--json"));
    expect(findings.at(-1)).toMatchObject({
      name: "server",
      status: "ok",
      detail: `${server.url}, 1 worker`,
    });
    sandbox.environment.CICD_TOKEN = "cicd_wrong";
    const broken = await sandbox.cicd("doctor");
    expect([broken.status, broken.stdout]).toEqual([
      3,
      expect.stringMatching(/✗ server .*\[UNAUTHORIZED\]\n +→ /),
    ]);
  });
});
