import { describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { Random } from "../support/random.ts";
import { docker, finish, Sandbox } from "../support/sandbox.ts";

const LANES = 4;

const PIPELINE = `
name: web
stages: [build, test, deploy]
default: { image: "cicd-test/busybox:1" }
jobs:
  compile: { stage: build, script: ["mkdir dist", "echo made > dist/out"], artifacts: { paths: [dist/] } }
  lint: { stage: build, script: "sleep 0.3" }
  unit: { stage: test, script: ["cat dist/out", "sleep 0.3"] }
  ship: { stage: deploy, script: "true" }
`;

interface RunJson {
  number: number;
  status: string;
  stages: { jobs: { name: string; status: string; failureReason: string | null }[] }[];
}

/** Kills `cicd run` so often, which is a multiple of the lanes in which it happens side by side. */
export function killsSuite(kills: number): void {
  describe("kill -9 of `cicd run`", () => {
    test(`at ${kills} random moments leaves no run stuck, nothing labelled behind, and no finished job lost`, async () => {
      const bystander = (await docker("run", "-d", "cicd-test/busybox:1", "sleep", "600")).trim();
      try {
        const lanes = Array.from({ length: LANES }, (_, lane) => killRepeatedly(lane + 1, kills / LANES));
        const moments = (await Promise.all(lanes)).flat();
        expect(moments).toHaveLength(kills);
        expect(moments.filter(({ hadStarted }) => hadStarted).length).toBeGreaterThan(kills / 4);
        expect((await docker("inspect", "-f", "{{.State.Running}}", bystander)).trim()).toBe("true");
      } finally {
        await docker("rm", "-f", bystander);
      }
    }, 480_000);
  });
}

async function killRepeatedly(seed: number, times: number): Promise<{ hadStarted: boolean }[]> {
  const random = new Random(seed);
  await using sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": PIPELINE });
  const moments: { hadStarted: boolean }[] = [];
  for (let round = 0; round < times; round += 1) moments.push(await killOnce(sandbox, random));
  return moments;
}

async function killOnce(sandbox: Sandbox, random: Random): Promise<{ hadStarted: boolean }> {
  const child = sandbox.start("run", "--json");
  const ended = finish(child);
  await Promise.race([child.exited, Bun.sleep(random.below(4_000))]);
  child.kill("SIGKILL");
  const finished = finishedJobs((await ended).stdout);
  const after = await sandbox.cicd("report", "-p", "web", "--json");
  if (after.status === 2) return { hadStarted: false };
  expect(after).toMatchObject({ status: 0 });
  const runs = (JSON.parse(after.stdout) as { runs: RunJson[] }).runs;
  for (const run of runs) expect(["success", "failed", "canceled"]).toContain(run.status);
  // What the engine was still making while the first command looked, the next one finds.
  await eventually(async () => {
    if ((await leftBehind(sandbox)).length === 0) return true;
    expect(await sandbox.cicd("gc")).toMatchObject({ status: 0 });
    return false;
  });
  const jobs = new Map(runs[0]!.stages.flatMap((stage) => stage.jobs).map((job) => [job.name, job]));
  for (const [name, status] of finished) expect(jobs.get(name)?.status).toBe(status);
  return { hadStarted: runs[0]!.stages.length > 0 };
}

/** Nobody knows whose a probe of the engine is: it is removed once it is older than any probe takes. */
async function leftBehind(sandbox: Sandbox): Promise<string[]> {
  return (await sandbox.dockerObjects()).filter((name) => !name.includes(" cicd-probe-"));
}

/** What the killed process had already said about its jobs. */
function finishedJobs(stdout: string): Map<string, string> {
  const events = stdout.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as { type: string; job: string; status: string }];
    } catch {
      return [];
    }
  });
  return new Map(
    events.filter(({ type }) => type === "job.finished").map(({ job, status }) => [job, status]),
  );
}
