import { expect, test } from "bun:test";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import { parseCase } from "../pipeline/golden.ts";

const CHILD = `name: child
default: { image: busybox }
jobs:
  one:
    stage: build
    resource_group: box
    script: ls
    rules: [{ if: '$CI_PIPELINE_SOURCE == "parent_pipeline" && $ENV == "prod"' }]
`;

function plan(trigger: string, run: Record<string, string> = {}) {
  const text = `name: web\nvariables: { ALL: x }\njobs:\n  start:\n    stage: build\n${trigger}`;
  const { pipeline } = parseCase({ form: "native", text, files: new Map([["ci/child.yml", CHILD]]) });
  return createPlan(pipeline!, { facts: { ...NO_FACTS, predefined: { CI_PIPELINE_SOURCE: "push" }, run } });
}

test("a child is planned with what its job hands on, as part of the run's plan", () => {
  const { plan: made } = plan(
    "    variables: { ENV: prod }\n    trigger: { include: ci/child.yml, strategy: depend }\n",
    { TOKEN: "t" },
  );
  const { trigger } = made!.jobs[0]!;
  expect(trigger).toMatchObject({
    depend: true,
    plan: {
      pipeline: "child",
      origin: { source: "parent_pipeline" },
      variables: { run: { ALL: "x", ENV: "prod" } },
      jobs: [{ name: "one" }],
    },
  });
  expect(trigger!.plan.variables.run).not.toHaveProperty("TOKEN");
});

test("forward says which variables are handed on", () => {
  const forward = "forward: { yaml_variables: false, pipeline_variables: true }";
  const { plan: made } = plan(`    trigger: { include: ci/child.yml, ${forward} }\n`, { ENV: "prod" });
  expect(made!.jobs[0]!.trigger!.plan.variables.run).toEqual({ ENV: "prod" });
});

test("a child of which the rules leave nothing has no jobs, and says why", () => {
  const { plan: made } = plan("    trigger: { include: ci/child.yml }\n");
  expect(made!.jobs[0]!.trigger!.plan.jobs).toEqual([]);
  expect(made!.jobs[0]!.trigger!.plan.leftOut[0]!.reason).toContain("leave out every job");
});

test("a job that would wait for ever for a resource that it holds itself is a problem of the plan", () => {
  const text =
    "    variables: { ENV: prod }\n    resource_group: box\n    trigger: { include: ci/child.yml, strategy: depend }\n";
  expect(plan(text).problems[0]!.message).toContain('keeps the resource group "box"');
});
