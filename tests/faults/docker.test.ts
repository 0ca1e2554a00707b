import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { instanceOf } from "../../src/config/instance.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { labelledObjects } from "../support/docker.ts";
import { eventually } from "../support/eventually.ts";
import { countedPart, countingPlan, Fleet } from "../support/fleet.ts";
import { testImage } from "../support/images.ts";
import { docker, Sandbox } from "../support/sandbox.ts";
import { expectWhole } from "./acts.ts";

const IMAGE = { name: "cicd-test/busybox:1", entrypoint: undefined, pullPolicy: "if-not-present" };
const LINES = 80;
const PIPELINE = `
name: web
stages: [test]
jobs:
  unit: { stage: test, image: "cicd-test/busybox:1", script: ["echo fine"] }
`;

let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.open();
}, 60_000);
afterAll(() => fleet[Symbol.asyncDispose]());

function inContainer(): Plan {
  return countingPlan(LINES, 0.05, { image: IMAGE });
}

describe("a worker with Docker", () => {
  test("that is killed is followed by its successor, which goes on with the container at the exact byte", async () => {
    const first = fleet.worker("docker", { executor: "docker" });
    const { id } = await fleet.run(inContainer(), { executor: "docker" });
    await fleet.hasPrinted(id, 5);
    first.kill("SIGKILL");
    await first.exited;
    const second = fleet.worker("docker", { executor: "docker" });
    expectWhole(await fleet.ended(id), countedPart(await fleet.log(id)), LINES);
    second.kill("SIGTERM");
    expect(await second.exited).toBe(0);
  }, 60_000);

  test("that hands over leaves the container to its successor", async () => {
    const first = fleet.worker("docker", { executor: "docker", args: ["--drain-timeout", "0s"] });
    const { id } = await fleet.run(inContainer(), { executor: "docker" });
    await fleet.hasPrinted(id, 5);
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    const second = fleet.worker("docker", { executor: "docker" });
    expectWhole(await fleet.ended(id), countedPart(await fleet.log(id)), LINES);
    second.kill("SIGTERM");
    expect(await second.exited).toBe(0);
  }, 60_000);

  test("that is killed beside a job with services leaves nothing after another one's next sweep", async () => {
    const service = {
      ...{ name: await testImage("database"), entrypoint: undefined, pullPolicy: "never", aliases: ["db"] },
      ...{ command: undefined, variables: {}, healthcheck: undefined },
    };
    const plan = countingPlan(4_000, 0.05, { image: IMAGE, services: [service] });
    const first = fleet.worker("first", { executor: "docker" });
    const { id } = await fleet.run(plan, { executor: "docker" });
    await fleet.hasPrinted(id, 5);
    const [attempt] = (await fleet.detail(id)).attempts;
    const name = attempt!.containerName!;
    const instance = instanceOf(fleet.stateDir, { kind: "postgres", url: fleet.database.url });
    const left = async () => (await labelledObjects(instance)).filter((object) => object.startsWith(name));
    first.kill("SIGKILL");
    await first.exited;
    expect(await left()).toEqual(expect.arrayContaining([name, `${name}-s0`, `${name}-n`, `${name}-upper`]));
    await fleet.store.expireLeasesOf(attempt!.worker);
    for (const lease of await fleet.store.findExpiredLeases("queue"))
      await fleet.store.execute(lease.runId, { type: "reap", lease });
    const [job] = (await fleet.ended(id)).jobs;
    expect([job!.state, job!.failureReason]).toEqual(["failed", "worker_lost"]);
    const second = fleet.worker("second", { executor: "docker" });
    await eventually(async () => (await left()).length === 0, { withinMs: 20_000, everyMs: 100 });
    second.kill("SIGTERM");
    expect(await second.exited).toBe(0);
  }, 60_000);

  test("keeps its containers while runs of other kinds and databases come and go in the same state directory", async () => {
    await using sandbox = await Sandbox.open(
      { ".cicd-pipelines/web.yml": PIPELINE },
      { CICD_STATE_DIR: fleet.stateDir },
    );
    const worker = fleet.worker("docker", { executor: "docker" });
    const { id } = await fleet.run(countingPlan(4_000, 0.05, { image: IMAGE }), { executor: "docker" });
    await fleet.hasPrinted(id, 5);
    const databases = [[], ["--database", fleet.database.url]];
    for (const database of databases) {
      expect(await sandbox.cicd("run", ...database)).toMatchObject({ status: 0 });
      const [attempt] = (await fleet.detail(id)).attempts;
      const names = await docker("ps", "--format", "{{.Names}}");
      expect(names.split("\n")).toContain(attempt!.containerName!);
    }
    await fleet.store.execute(id, { type: "request_cancel", actor: "test" });
    expect((await fleet.ended(id)).run.status).toBe("canceled");
    worker.kill("SIGTERM");
    expect(await worker.exited).toBe(0);
  }, 60_000);
});
