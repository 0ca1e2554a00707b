import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/sandbox.ts";

const PARENT = `name: web
default: { image: busybox }
jobs:
  tag:
    stage: build
    script: echo TAG=1.2 > tag.env
    artifacts: { reports: { dotenv: tag.env } }
  ship:
    stage: deploy
    variables: { IMAGE: "web:$TAG" }
    trigger: { include: ship.yml, strategy: depend }
`;
const CHILD = `name: ship
jobs:
  approve: { stage: build, when: manual, allow_failure: false, script: 'echo "ships $IMAGE"' }
`;

let sandbox: Sandbox;
beforeAll(async () => {
  const files = { ".cicd-pipelines/web.yml": PARENT, "ship.yml": CHILD };
  sandbox = await Sandbox.open(files, { CICD_EXECUTOR: "shell" });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

test("a pipeline that waits for somebody is named by its parent, and goes on by play", async () => {
  const running = sandbox.cicd("run");
  await eventually(async () =>
    (await sandbox.cicd("explain", "ship", "--run", "1")).stdout.includes("manual"),
  );
  const { stdout } = await sandbox.cicd("explain", "ship", "--run", "1");
  expect(stdout).toContain('"ship" has been running for');
  expect(stdout).toContain("web/ship #1 (manual); cicd play -p web/ship JOB goes on with it");
  expect((await sandbox.cicd("play", "-p", "web/ship", "approve")).status).toBe(0);
  expect(await running).toMatchObject({ status: 0 });

  const report = await sandbox.cicd("report", "-p", "web", "--run", "1");
  expect(report.stdout).toMatch(/ship +✓ success .* web\/ship #1 \(success\)/);
  const json = await sandbox.cicd("report", "-p", "web", "--run", "1", "--json");
  const ship = JSON.parse(json.stdout).run.stages[1].jobs[0];
  expect(ship.child).toMatchObject({ pipeline: "web/ship", number: 1, status: "success" });

  const explained = await sandbox.cicd("explain", "-p", "web/ship", "approve");
  expect(explained.stdout).toContain('web/ship #1 (success)\n"approve" succeeded');

  // Without a pipeline, the run that somebody has started is meant.
  expect((await sandbox.cicd("logs")).stdout).toContain("[tag] ");
  expect((await sandbox.cicd("logs", "-p", "web/ship")).stdout).toContain("ships web:1.2");
}, 60_000);
