import { expect, test } from "bun:test";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import { imageDoubts } from "../../src/plan/image-doubts.ts";
import { pipelineOf } from "./build.ts";

test("an image is doubted where nothing of the file can define its variables, at the job's place", () => {
  const doubts = imageDoubts(
    pipelineOf(
      [
        "  a: { stage: build, script: ls, image: node:$GONE }",
        "  b: { stage: build, script: ls, image: node:$V, parallel: { matrix: [{ V: [1, 2] }] } }",
        "  c: { stage: build, script: ls, image: node:$R, rules: [{ when: always, variables: { R: 1 } }] }",
        "  d: { stage: build, script: ls, image: $W/node:$CI_COMMIT_SHA }",
        "  e: { stage: build, script: ls, services: ['docker:27-dind'] }",
      ].join("\n"),
      "workflow: { rules: [{ when: always, variables: { W: w } }] }",
    ),
  );
  expect(doubts.map(({ code, job, at }) => [code, job, at.line])).toEqual([
    ["PLAN_UNDEFINED_VARIABLE", "a", 5],
    ["PLAN_PRIVILEGED_SERVICE", "e", 9],
  ]);
});

test("a variable of the run that is none of its options is refused", () => {
  const head = "variables: { TARGET: { value: test, options: [test, live] } }";
  const plan = (run: Record<string, string>) =>
    createPlan(pipelineOf("  a: { stage: build, script: ls }", head), { facts: { ...NO_FACTS, run } });
  expect(plan({ TARGET: "live" }).plan).toBeDefined();
  expect(plan({ TARGET: "prod" }).problems).toEqual([
    { code: "USAGE", message: 'the variable TARGET cannot be "prod"', hint: "its options are test, live" },
  ]);
});
