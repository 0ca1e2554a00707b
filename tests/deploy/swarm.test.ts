import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { eventually } from "../support/eventually.ts";
import { type Node, type Nodes, startNodes, succeed } from "./nodes.ts";
import { IMAGE_USER, Team } from "./team.ts";

const ROOT = join(import.meta.dir, "../..");
const IMAGES = { cicd: "cicd-test/cicd:1", postgres: "cicd-test/postgres:1", jobs: "cicd-test/busybox:1" };
const SPREAD = 28;

/** Thirty jobs: one that all need, 28 that check its artifact and the snapshot and leave one of their own, one that counts. */
function thirtyJobs(): string {
  const spread = Array.from({ length: SPREAD }, (_, index) => [
    `  part-${index}:`,
    "    stage: spread",
    "    needs: [seed]",
    "    retry: { max: 2, when: [worker_lost, runner_system_failure] }",
    "    script:",
    `      - test "$(cat out/seed) $(cat README)" = "made snapshot"`,
    "      - sleep 10",
    "      - mkdir parts",
    `      - echo ${index} > parts/${index}`,
    "    artifacts: { paths: [parts/] }",
  ]);
  return [
    "name: wide",
    "stages: [seed, spread, gather]",
    `default: { image: "${IMAGES.jobs}" }`,
    "jobs:",
    '  seed: { stage: seed, script: ["mkdir out", "echo made > out/seed"], artifacts: { paths: [out/] } }',
    ...spread.flat(),
    `  gather: { stage: gather, script: 'test "$(ls parts | wc -l)" -eq ${SPREAD}' }`,
  ].join("\n");
}

describe("compose.yaml on a Swarm of three machines", () => {
  let nodes: Nodes;
  let team: Team;

  beforeAll(async () => {
    await binary();
    for (const images of ["busybox", "server"]) await succeed([join(ROOT, "scripts/test-images"), images]);
    await succeed([join(ROOT, "scripts/image"), "--tag", IMAGES.cicd, "--base", "cicd-test/base:1"]);
    nodes = await startNodes(3);
    await loadImages(nodes);
    await formSwarm(nodes.list);
    team = await deploy(nodes);
  }, 600_000);

  afterAll(async () => {
    await nodes?.[Symbol.asyncDispose]();
  }, 60_000);

  /** Starts the thirty jobs and takes a machine away in the middle of some of them; checks that the run ends right. */
  async function loseOne(lost: Node, lose: () => Promise<void>, reason: string): Promise<void> {
    const run = await team.startRun({ name: "wide", file: thirtyJobs() });
    const attempts = async () => (await team.attempts(run)).filter(({ job }) => job.startsWith("part-"));
    await eventually(async () => {
      const begun = await attempts();
      const isHit = begun.some(
        ({ worker, outcome, runningMs }) =>
          worker === lost.name && outcome === null && runningMs !== null && runningMs < 2_000,
      );
      return begun.length > 6 && isHit;
    }, waiting(120));
    await lose();
    const ended = await eventually(async () => {
      const now = await team.readRun(run);
      return ["success", "failed", "canceled"].includes(now.status) && now;
    }, waiting(180));
    expect(ended.status).toBe("success");
    const jobs = ended.stages.flatMap((stage) => stage.jobs);
    expect(jobs.map(({ status }) => status)).toEqual(Array(SPREAD + 2).fill("success"));

    const all = await team.attempts(run);
    expect(new Set(all.map(({ worker }) => worker))).toEqual(new Set(nodes.list.map(({ name }) => name)));
    const failures = all.filter(({ outcome }) => outcome !== "success");
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) {
      expect(failure).toMatchObject({ outcome: "failed", reason, worker: lost.name });
    }
    expect(all.filter(({ outcome }) => outcome === "success")).toHaveLength(SPREAD + 2);
  }

  test("runs one pipeline of thirty jobs on all of them, and ends it right although one loses its power", async () => {
    const lost = nodes.list[2]!;
    await loseOne(lost, lost.powerOff, "worker_lost");
  }, 360_000);

  test("takes the machine back, and ends a pipeline right although an engine is stopped in order", async () => {
    const back = nodes.list[2]!;
    await back.powerOn();
    await eventually(async () => {
      const seen = `SELECT count(*) FROM workers WHERE title = '${back.name}' AND started_at > ${Date.now() - 60_000}`;
      return Number(await team.query(seen)) > 0;
    }, waiting(120));
    await loseOne(back, back.stopEngine, "runner_system_failure");
  }, 480_000);
});

const waiting = (seconds: number) => ({ withinMs: seconds * 1000, everyMs: 500 });

/** The first machine serves; the others only run jobs. */
async function loadImages({ directory, list: [first, ...others] }: Nodes): Promise<void> {
  const { postgres, ...everywhere } = IMAGES;
  const archives = [join(directory, "images.tar"), join(directory, "postgres.tar")] as const;
  await succeed(["docker", "save", "-o", archives[0], ...Object.values(everywhere)]);
  await succeed(["docker", "save", "-o", archives[1], postgres]);
  await Promise.all([
    first!.load(archives[0]).then(() => first!.load(archives[1])),
    ...others.map((node) => node.load(archives[0])),
  ]);
  for (const archive of archives) rmSync(archive);
}

async function formSwarm([first, ...others]: Node[]): Promise<void> {
  await first!.docker("swarm", "init", "--advertise-addr", first!.address);
  const token = (await first!.docker("swarm", "join-token", "-q", "worker")).trim();
  for (const { docker, address } of others) {
    await docker("swarm", "join", "--token", token, "--advertise-addr", address, `${first!.address}:2377`);
  }
}

/** As docs/server.md says, with a directory that all machines see as the shared store. */
async function deploy(nodes: Nodes): Promise<Team> {
  const first = nodes.list[0]!;
  const shared = join(nodes.directory, "shared");
  mkdirSync(shared, { mode: 0o700 });
  chownSync(shared, IMAGE_USER, IMAGE_USER);
  const password = join(nodes.directory, "password");
  writeFileSync(password, crypto.randomUUID(), { mode: 0o444 });
  const group = (await succeed(["sh", "-c", "getent group docker | cut -d: -f3"])).trim();
  await succeed(
    ["docker", "stack", "deploy", "--resolve-image", "never", "-c", join(ROOT, "compose.yaml"), "cicd"],
    {
      env: {
        DOCKER_HOST: first.host,
        DOCKER_GID: group,
        CICD_IMAGE: IMAGES.cicd,
        CICD_POSTGRES_IMAGE: IMAGES.postgres,
        CICD_WORKER_NAME: "{{.Node.Hostname}}",
        CICD_SHARED_VOLUME: shared,
        CICD_DATABASE_PASSWORD_FILE: password,
        CICD_JOBS: "2",
      },
    },
  );
  const idOf = (service: string) =>
    eventually(
      async () =>
        (await first.docker("ps", "-q", "-f", `name=cicd_${service}`, "-f", "health=healthy")).trim(),
      waiting(120),
    );
  const team = await Team.open(first.docker, {
    server: await idOf("server"),
    database: await idOf("database"),
  });
  await eventually(async () => (await team.activeWorkers()).length === nodes.list.length, waiting(60));
  return team;
}
