import { expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";

test("the command line starts the job first that took longest the last time", async () => {
  const pipeline = `
name: web
stages: [test]
jobs:
  quick: { stage: test, script: "true" }
  slow: { stage: test, script: "sleep 0.6" }
  sooner: { stage: test, script: "true" }
`;
  await using sandbox = await Sandbox.open(
    { ".cicd-pipelines/web.yml": pipeline },
    { CICD_EXECUTOR: "shell" },
  );
  const startOrder = async () => {
    const { status, stdout } = await sandbox.cicd("run", "--jobs", "1", "--json");
    expect(status).toBe(0);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    return events.filter(({ type }) => type === "job.started").map(({ job }) => job);
  };
  expect(await startOrder()).toEqual(["quick", "slow", "sooner"]);
  expect((await startOrder())[0]).toBe("slow");
}, 30_000);
