import { expect, test } from "bun:test";
import { join } from "node:path";
import { Sandbox } from "../support/sandbox.ts";

const PIPELINE = `
name: web
stages: [build]
jobs:
  page: { stage: build, script: ["echo kept > page"], artifacts: { paths: [page] } }
`;

test("gc on one database leaves the artifacts of another's runs", async () => {
  await using sandbox = await Sandbox.open(
    { ".cicd-pipelines/web.yml": PIPELINE },
    { CICD_EXECUTOR: "shell" },
  );
  const other = ["--database", `sqlite:${join(sandbox.directory, "other.db")}`];
  expect((await sandbox.cicd("run", ...other)).status).toBe(0);
  await Bun.$`find ${sandbox.directory}/state -exec touch -h -d "3 days ago" {} +`.quiet();
  expect((await sandbox.cicd("gc")).status).toBe(0);
  const got = await sandbox.cicd("artifacts", "get", ...other);
  expect([got.status, got.stdout]).toEqual([0, "1 artifact in artifacts\n"]);
  expect(await Bun.file(join(sandbox.repo, "artifacts", "page")).text()).toBe("kept\n");
}, 30_000);
