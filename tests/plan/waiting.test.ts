import { describe, expect, test } from "bun:test";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import { groupThatWaitsForItself } from "../../src/plan/resource-group.ts";
import { plannedJob, planOf as planOfJobs } from "../support/plans.ts";
import { pipelineOf, planOf } from "./build.ts";

describe("a delayed job", () => {
  const jobs = `
  a:
    stage: build
    script: ls
    when: delayed
    start_in: 5 minutes
    rules:
      - if: $LATE
        start_in: 1 hour
      - if: $NOW
        when: on_success
      - when: delayed
`;
  test.each([
    [{}, "delayed", 300_000],
    [{ LATE: "1" }, "delayed", 3_600_000],
    [{ NOW: "1" }, "on_success", null],
  ] as const)("with %j is %s, for %p ms", (variables, when, startInMs) => {
    expect(planOf(jobs, { variables }).jobs[0]).toMatchObject({ when, startInMs });
  });
});

describe("a resource group", () => {
  const group = (
    jobs: string,
    predefined: Record<string, string>,
    variables: Record<string, string> = {},
  ) => {
    const facts = { ...NO_FACTS, predefined, run: variables };
    const { plan, problems } = createPlan(pipelineOf(jobs), { facts });
    return plan?.jobs.map(({ resourceGroup }) => resourceGroup) ?? problems.map(({ message }) => message);
  };

  test("is expanded with what is known before the run, for each instance", () => {
    const jobs = `
  a:
    stage: build
    script: ls
    resource_group: "$WHERE-\${CI_COMMIT_REF_SLUG}"
    variables: { WHERE: eu }
    parallel: { matrix: [{ WHERE: [eu, us] }] }
`;
    expect(group(jobs, { CI_COMMIT_REF_SLUG: "main" })).toEqual(["eu-main", "us-main"]);
    expect(group(jobs, { CI_COMMIT_REF_SLUG: "main" }, { WHERE: "x" })).toEqual(["x-main", "x-main"]);
  });

  test("whose variable nothing defines, or that is empty, makes no run", () => {
    expect(group("  a: { stage: build, script: ls, resource_group: deploy-$NOPE }", {})).toEqual([
      'the resource group of "a" refers to $NOPE, which is not known before the run',
    ]);
    const empty = '  a: { stage: build, script: ls, resource_group: $E, variables: { E: "" } }';
    expect(group(empty, {})).toEqual(['the resource group of "a" is empty in this run']);
  });

  test("cannot be shared by a job and the pipeline that it waits for", () => {
    const inner = planOfJobs([plannedJob("deploy", { resourceGroup: "production" })]);
    const nested = planOfJobs([plannedJob("middle", { trigger: { plan: inner, depend: true } })]);
    const problemsOf = (depend: boolean, resourceGroup: string) =>
      groupThatWaitsForItself(plannedJob("start", { resourceGroup, trigger: { plan: nested, depend } })).map(
        ({ message }) => message,
      );
    expect(problemsOf(true, "production")).toEqual([
      '"start" keeps the resource group "production" while it waits for "deploy", which needs it',
    ]);
    expect(problemsOf(false, "production")).toEqual([]);
    expect(problemsOf(true, "staging")).toEqual([]);
  });
});

test("artifacts of one instance alone may be fetched", () => {
  const jobs = `
  a: { stage: build, script: ls, parallel: { matrix: [{ OS: [linux, darwin] }] }, artifacts: { paths: [x] } }
  b: { stage: test, script: ls, dependencies: ["a: [linux]"] }
`;
  const { plan } = createPlan(pipelineOf(jobs), { facts: NO_FACTS });
  expect(plan!.jobs.at(-1)).toMatchObject({ name: "b", artifactsFrom: ["a: [linux]"] });
});

test("tags are expanded with what is known before the run", () => {
  const { plan } = createPlan(
    pipelineOf(
      '  a: { stage: build, script: ls, tags: ["$OS-x", "$NOPE", plain], variables: { OS: linux } }',
    ),
    { facts: NO_FACTS },
  );
  expect(plan!.jobs[0]!.tags).toEqual(["linux-x", "$NOPE", "plain"]);
});

describe("jobs of --manual", () => {
  const jobs = `
  build: { stage: build, script: ls }
  deploy: { stage: deploy, script: ls, when: manual }
  other: { stage: deploy, script: ls, when: manual }
`;
  test("start in their turn, the other manual ones do not", () => {
    const manual = ["deploy", "build", "nowhere"];
    const { plan, started } = createPlan(pipelineOf(jobs), { facts: NO_FACTS, manual });
    expect(plan!.jobs.map(({ name, when }) => `${name} ${when}`)).toEqual([
      "build on_success",
      "deploy on_success",
      "other manual",
    ]);
    expect(started).toEqual(["deploy"]);
  });
});
