import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { finish, Sandbox } from "../support/sandbox.ts";
import { ServerProcess } from "../support/server.ts";

const COUNT = 10;
/** Counts until a file is there. */
const pipeline = (gate: string) => `name: web
jobs:
  count:
    stage: test
    script: 'i=0; while [ ! -e ${gate} ]; do i=$((i+1)); echo "line $i"; sleep 0.1; done; echo "last $i"'
`;

/** Fails unless the log holds every line once, in order, to the last. */
function checkLines(log: string): void {
  const lines = [...log.matchAll(/(line|last) (\d+)$/gm)].map(([line]) => line);
  const count = lines.length - 1;
  const expected = Array.from({ length: count }, (_, index) => `line ${index + 1}`);
  expect(lines).toEqual([...expected, `last ${count}`]);
  expect(count).toBeGreaterThan(0);
}

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open({ note: "" }, { CICD_EXECUTOR: "shell" });
}, 60_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

describe("cicd serve", () => {
  test("leaves ten running pipelines to its next start, which finishes them with every line of their logs", async () => {
    await using server = await ServerProcess.open({ environment: { CICD_JOBS: String(COUNT) } });
    Object.assign(sandbox.environment, server.client);
    const gate = `${sandbox.directory}/gate`;
    await sandbox.write({ ".cicd-pipelines/web.yml": pipeline(gate) });
    for (let index = 0; index < COUNT; index++) {
      const { status, stderr } = await sandbox.cicd("run", "--detach", "--quiet");
      expect([status, stderr]).toEqual([0, ""]);
    }
    const runs = async () => {
      const { stdout } = await sandbox.cicd("list", "--json");
      return (JSON.parse(stdout) as { runs: { id: string; number: number; status: string }[] }).runs;
    };
    await eventually(async () => (await runs()).every(({ status }) => status === "running"), {
      withinMs: 20_000,
    });
    const follower = sandbox.start("logs", "-f", "--run", String(COUNT));
    let followed = "";
    const following = (async () => {
      for await (const text of follower.stdout.pipeThrough(new TextDecoderStream())) followed += text;
    })();
    await eventually(() => followed.includes("line 5"), { withinMs: 20_000 });
    await server.end();
    expect(server.log).toContain('"event":"server.stopped"');
    expect((await sandbox.cicd("list")).status).toBe(3);
    await server.start();
    expect(server.log).not.toContain("token.first");
    expect((await runs()).filter(({ status }) => status === "running")).toHaveLength(COUNT);
    await Bun.write(gate, "");
    await eventually(async () => (await runs()).every(({ status }) => status === "success"), {
      withinMs: 30_000,
    });
    for (const { number } of await runs()) {
      checkLines((await sandbox.cicd("logs", "--run", String(number), "-j", "count")).stdout);
    }
    await following;
    checkLines(followed);
    expect(await follower.exited).toBe(0);
  }, 90_000);

  test("ends with 0 when told to, and says what keeps it from beginning", async () => {
    await using server = await ServerProcess.open();
    const { host } = new URL(server.url);
    const state = { CICD_STATE_DIR: `${sandbox.directory}/other` };
    Object.assign(sandbox.environment, state);
    const taken = await sandbox.cicd("serve", "--listen", host);
    expect(taken.status).toBe(3);
    expect(taken.stderr).toContain("[LISTEN_FAILED]");
    const child = sandbox.start("serve", "--listen", "127.0.0.1:0", "--no-worker");
    const ended = finish(child);
    const deadline = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await eventually(async () => (await sandbox.cicd("token", "list", "--local")).stdout.includes("first"));
    child.kill("SIGTERM");
    const { status, stdout, stderr } = await ended;
    clearTimeout(deadline);
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr.match(/cicd_[A-Za-z0-9_-]{43}/g)).toHaveLength(1);
    expect(stderr).not.toContain("reachable");
  }, 60_000);

  test("gives out one first token, of however many servers begin at once", async () => {
    Object.assign(sandbox.environment, { CICD_STATE_DIR: `${sandbox.directory}/many` });
    const children = Array.from({ length: 3 }, () =>
      sandbox.start("serve", "--listen", "127.0.0.1:0", "--no-worker", "--json"),
    );
    const texts = children.map(() => "");
    const reading = children.map(async (child, index) => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) texts[index] += text;
    });
    await eventually(() => texts.every((text) => text.includes("server.started")), { withinMs: 20_000 });
    await eventually(() => texts.join("").includes("token.first"));
    for (const child of children) child.kill("SIGTERM");
    await Promise.all([...reading, ...children.map((child) => child.exited)]);
    expect(texts.join("").match(/"event":"token.first"/g)).toHaveLength(1);
    expect(children.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  }, 60_000);
});

describe("cicd token", () => {
  test("makes, lists and revokes tokens in the database and through a server", async () => {
    await using server = await ServerProcess.open();
    const direct = `${sandbox.directory}/direct.db`;
    for (const where of [{ flags: [] }, { flags: ["--local", "--database", `sqlite:${direct}`] }]) {
      Object.assign(sandbox.environment, server.client, { CICD_STATE_DIR: `${sandbox.directory}/direct` });
      const { flags } = where;
      const local = flags.filter((flag) => flag !== "--local");
      if (flags.length > 0) delete sandbox.environment.CICD_SERVER;
      const token = (...args: string[]) => sandbox.cicd("token", ...args, ...local);
      const made = await token("create", "--name", "ci", "--role", "run", "--expires", "90d");
      expect([made.status, made.stdout]).toEqual([0, expect.stringMatching(/^cicd_[A-Za-z0-9_-]{43}\n$/)]);
      expect(made.stderr).not.toContain(made.stdout.trim());
      const listed = await token("list", "--json");
      const { tokens } = JSON.parse(listed.stdout) as {
        tokens: { name: string; expiresAt: string | null }[];
      };
      const ci = tokens.find(({ name }) => name === "ci")!;
      expect(Math.abs(Date.parse(ci.expiresAt!) - Date.now() - 90 * 86_400_000)).toBeLessThan(60_000);
      expect(listed.stdout).not.toContain(made.stdout.trim());
      expect((await token("create", "--name", "ci", "--role", "run")).stderr).toContain("[USAGE]");
      expect((await token("create", "--name", "x", "--role", "root")).status).toBe(2);
      expect((await token("revoke", "ci")).status).toBe(0);
      expect((await token("revoke", "ci")).stderr).toContain("[NOT_FOUND]");
      expect((await token("list")).stdout).toMatch(/^ci +run +revoked /m);
    }
  }, 60_000);
});
