import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../support/sandbox.ts";

const TURN = ['echo "begin $CI_JOB_ID" >> "$MARKS"', "sleep 0.1", 'echo "end $CI_JOB_ID" >> "$MARKS"'];
const WEB = `name: web
default: { image: busybox }
jobs:
  one: { stage: build, resource_group: box, script: ${JSON.stringify(TURN)} }
  two: { stage: build, resource_group: box, script: ${JSON.stringify(TURN)} }
`;

test("of four processes that run jobs of one resource group never two are at work, and all get their turn", async () => {
  await using sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": WEB }, { CICD_EXECUTOR: "shell" });
  const marks = join(sandbox.directory, "marks");
  const runs = await Promise.all(
    Array.from({ length: 4 }, () => sandbox.cicd("run", "--var", `MARKS=${marks}`)),
  );
  expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  const lines = readFileSync(marks, "utf8").trim().split("\n");
  expect(lines).toHaveLength(16);
  const turns = lines.flatMap((line, index) => (index % 2 === 0 ? [[line, lines[index + 1]!]] : []));
  for (const [begin, end] of turns) expect(end).toBe(begin!.replace("begin", "end"));
  expect(new Set(turns.map(([begin]) => begin)).size).toBe(8);
}, 60_000);
