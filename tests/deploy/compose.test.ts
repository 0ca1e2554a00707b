import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { eventually } from "../support/eventually.ts";
import { succeed } from "./nodes.ts";
import { IMAGE_USER, type Run, Team } from "./team.ts";

const ROOT = join(import.meta.dir, "../..");
const IMAGES = { cicd: "cicd-test/cicd:1", postgres: "cicd-test/postgres:1", jobs: "cicd-test/busybox:1" };
const PROJECT = `cicd-test-${process.pid}`;

const PIPELINE = {
  name: "web",
  file: `
name: web
stages: [build, test]
default: { image: "${IMAGES.jobs}" }
jobs:
  page: { stage: build, script: ["mkdir out", "echo made > out/page"], artifacts: { paths: [out/] } }
  count: { stage: test, script: 'cat out/page README; for n in $(seq 80); do echo line $n; sleep 0.1; done' }
`,
};

const docker = (...args: string[]) => succeed(["docker", ...args]);
const waiting = (seconds: number) => ({ withinMs: seconds * 1000, everyMs: 200 });

describe("compose.yaml on one host", () => {
  const directory = mkdtempSync(join(tmpdir(), "cicd-test-compose-"));
  let stack: Stack;

  beforeAll(async () => {
    await binary();
    for (const images of ["busybox", "server"]) await succeed([join(ROOT, "scripts/test-images"), images]);
    await succeed([join(ROOT, "scripts/image"), "--tag", IMAGES.cicd, "--base", "cicd-test/base:1"]);
    stack = await Stack.prepare(directory);
  }, 600_000);

  afterAll(async () => {
    await stack?.compose("down", "-v", "--remove-orphans");
    rmSync(directory, { recursive: true, force: true });
  }, 120_000);

  test("comes up, and the worker mounts snapshots although it is in a container", async () => {
    await stack.compose("up", "-d");
    expect((await stack.team()).query("SELECT 1")).resolves.toBe("1");
    const said = await stack.compose("exec", "-T", "worker", "cicd", "doctor", "--json");
    expect(findingOf(said, "docker")).toMatchObject({
      status: "ok",
      detail: expect.stringMatching(/by overlay$/),
    });
  }, 120_000);

  test("a worker that is killed in the middle of a job goes on with it in its next container", async () => {
    const team = await stack.team();
    const run = await team.startRun(PIPELINE);
    await eventually(async () => (await team.logs(run, "count")).includes("line 20\n"), waiting(60));
    await stack.killOutright("worker");
    const ended = await eventually(async () => await endOf(team, run), waiting(90));
    expect(ended.status).toBe("success");
    expect(
      (await team.attempts(run)).map(({ job, number, outcome }) => `${job} ${number} ${outcome}`),
    ).toEqual(["page 1 success", "count 1 success"]);
    const lines = (await team.logs(run, "count")).split("\n").filter((line) => /^line \d+$/.test(line));
    expect(lines).toEqual(Array.from({ length: 80 }, (_, index) => `line ${index + 1}`));
  }, 180_000);

  test("a restart of everything in the middle of a run loses nothing of it", async () => {
    const team = await stack.team();
    const run = await team.startRun(PIPELINE);
    await eventually(async () => (await team.logs(run, "count")).includes("line 5\n"), waiting(60));
    await stack.compose("restart", "server", "database");
    const after = await stack.team();
    expect((await eventually(() => endOf(after, run), waiting(90))).status).toBe("success");
    expect((await after.logs(run, "count")).match(/^line \d+$/gm)).toHaveLength(80);
  }, 180_000);

  test("what was backed up is there again after everything was lost", async () => {
    const before = await stack.team();
    const { runs } = JSON.parse(await before.cicd("list", "-a", "--json")) as { runs: Run[] };
    await stack.backUp();
    await stack.compose("down", "-v");
    await stack.restore();
    const after = await stack.team();
    expect(JSON.parse(await after.cicd("list", "-a", "--json"))).toEqual({ runs });
    expect(await after.logs(runs[0]!, "count")).toContain("line 80\n");
    const fetched = `/tmp/fetched-${process.pid}`;
    await after.cicd(
      "artifacts",
      "get",
      "-r",
      "/tmp/repo",
      "-p",
      "web",
      "--run",
      String(runs[0]!.number),
      "--output",
      fetched,
    );
    expect(await stack.compose("exec", "-T", "server", "cat", `${fetched}/out/page`)).toBe("made\n");
    const run = await after.startRun(PIPELINE);
    expect(run.number).toBe(runs[0]!.number + 1);
    expect((await eventually(() => endOf(after, run), waiting(60))).status).toBe("success");
  }, 300_000);
});

async function endOf(team: Team, run: Run): Promise<Run | false> {
  const now = await team.readRun(run);
  return ["success", "failed", "canceled"].includes(now.status) && now;
}

function findingOf(doctor: string, name: string): unknown {
  const { findings } = JSON.parse(doctor) as { findings: { name: string }[] };
  return findings.find((finding) => finding.name === name);
}

/** The project of compose.yaml under a name, with a state directory and a password of its own. */
class Stack {
  readonly #directory: string;
  readonly #environment: Record<string, string>;
  readonly #program: string[];

  private constructor(directory: string, environment: Record<string, string>, program: string[]) {
    this.#directory = directory;
    this.#environment = environment;
    this.#program = program;
  }

  static async prepare(directory: string): Promise<Stack> {
    const state = join(directory, "state");
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, IMAGE_USER, IMAGE_USER);
    const password = join(directory, "password");
    writeFileSync(password, crypto.randomUUID(), { mode: 0o444 });
    const plugin = await docker("compose", "version").then(
      () => true,
      () => false,
    );
    const environment = {
      DOCKER_GID: (await succeed(["stat", "-c", "%g", "/var/run/docker.sock"])).trim(),
      CICD_IMAGE: IMAGES.cicd,
      CICD_POSTGRES_IMAGE: IMAGES.postgres,
      CICD_PUBLISH: "127.0.0.1:0",
      CICD_DATABASE_PASSWORD_FILE: password,
      CICD_STATE_VOLUME: `${PROJECT}_state`,
      CICD_WORKER_VOLUME: state,
      CICD_WORKER_STATE: state,
    };
    return new Stack(directory, environment, plugin ? ["docker", "compose"] : ["docker-compose"]);
  }

  compose(...args: string[]): Promise<string> {
    const file = join(ROOT, "compose.yaml");
    return succeed([...this.#program, "-p", PROJECT, "-f", file, ...args], { env: this.#environment });
  }

  /** Returns when the server is healthy and a worker is at work. */
  async team(): Promise<Team> {
    const [server, database] = [await this.#healthy("server"), await this.#healthy("database")];
    const team = await Team.open(docker, { server, database });
    await eventually(async () => (await team.activeWorkers()).length === 1, waiting(60));
    return team;
  }

  /** As a crash does: the engine restarts the container. */
  async killOutright(service: string): Promise<void> {
    const id = await this.#idOf(service);
    process.kill(Number(await docker("inspect", "-f", "{{.State.Pid}}", id)), "SIGKILL");
  }

  /** As docs/server.md says: the database first, then the files. */
  async backUp(): Promise<void> {
    const dump = await this.compose(
      "exec",
      "-T",
      "database",
      "pg_dump",
      "-U",
      "cicd",
      "-Fc",
      "-f",
      "/tmp/cicd.dump",
      "cicd",
    );
    expect(dump).toBe("");
    await docker("cp", `${await this.#idOf("database")}:/tmp/cicd.dump`, join(this.#directory, "cicd.dump"));
    await this.#tarShared("-C /shared -cf /backup/shared.tar .");
  }

  async restore(): Promise<void> {
    await this.compose("up", "-d", "database");
    const database = await this.#healthy("database");
    await docker("cp", join(this.#directory, "cicd.dump"), `${database}:/tmp/cicd.dump`);
    await docker("exec", database, "pg_restore", "-U", "cicd", "-d", "cicd", "/tmp/cicd.dump");
    await this.#tarShared("-C /shared -xpf /backup/shared.tar");
    await this.compose("up", "-d");
  }

  #tarShared(args: string): Promise<string> {
    const volumes = ["-v", `${PROJECT}_shared:/shared`, "-v", `${this.#directory}:/backup`];
    return docker(
      "run",
      "--rm",
      "-u",
      "root",
      ...volumes,
      "--entrypoint",
      "tar",
      IMAGES.cicd,
      ...args.split(" "),
    );
  }

  async #idOf(service: string): Promise<string> {
    return (await this.compose("ps", "-q", service)).trim();
  }

  #healthy(service: string): Promise<string> {
    return eventually(async () => {
      const id = await this.#idOf(service);
      const health = await docker("inspect", "-f", "{{.State.Health.Status}}", id).catch(() => "");
      return health.trim() === "healthy" && id;
    }, waiting(90));
  }
}
