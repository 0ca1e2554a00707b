import { beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { testImage } from "../support/images.ts";
import { finish, Sandbox } from "../support/sandbox.ts";

const PIPELINE = `
name: web
default: { image: "cicd-test/busybox:1" }
jobs:
  served:
    stage: test
    services: [{ name: "cicd-test/database:1", alias: db, variables: { NAME: db } }]
    script: ["echo you | nc db 7000", sleep 60]
  waiting:
    stage: test
    services: [{ name: "cicd-test/database:1", entrypoint: [sh, -c], command: [sleep 60] }]
    script: echo never
`;

beforeAll(async () => void (await testImage("database")));

test("kill -9 of `cicd run` leaves nothing of jobs with services, neither of one that runs nor of one that waits for them", async () => {
  await using sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": PIPELINE });
  const child = sandbox.start("run", "--json");
  const ended = finish(child);
  await eventually(
    async () => (await sandbox.cicd("logs", "-p", "web", "--job", "served")).stdout.includes("db heard you"),
    { withinMs: 20_000, everyMs: 200 },
  );
  const names = await sandbox.dockerObjects();
  expect(names.filter((name) => /-s0$/.test(name))).toHaveLength(2);
  child.kill("SIGKILL");
  await ended;
  const { stdout } = await sandbox.cicd("report", "-p", "web", "--run", "1", "--json");
  const jobs = JSON.parse(stdout).run.stages[0].jobs;
  expect(jobs.map((job: { failureReason: string }) => job.failureReason)).toEqual([
    "worker_lost",
    "worker_lost",
  ]);
  expect(await sandbox.dockerObjects()).toEqual([]);
}, 60_000);
