import { describe, expect, test } from "bun:test";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { pipelineOf, planOf } from "./build.ts";

const WEB = `
  deploy: { stage: deploy, script: ls, when: manual }
  compile: { stage: build, script: ls, artifacts: { paths: [dist] } }
  assets: { stage: build, script: ls, artifacts: { paths: [img] } }
  tools: { stage: build, script: ls }
  unit: { stage: test, script: ls, needs: [compile], artifacts: { paths: [report] } }
  browser: { stage: test, script: ls, needs: [unit, { job: assets, artifacts: false }, tools] }
  lint: { stage: test, script: ls }
  cleanup: { stage: deploy, script: ls, when: on_failure, artifacts: { paths: [log] } }
`;

const names = (plan: Plan) => plan.jobs.map((job) => job.name);
const job = (plan: Plan, name: string) => plan.jobs.find((candidate) => candidate.name === name)!;

describe("a plan", () => {
  test("orders jobs by stage, then by the file, and keeps only stages that have jobs", () => {
    const plan = planOf(WEB);
    expect(plan.stages).toEqual(["build", "test", "deploy"]);
    expect(names(plan)).toEqual([
      "compile",
      "assets",
      "tools",
      "unit",
      "browser",
      "lint",
      "deploy",
      "cleanup",
    ]);
    expect(plan.jobs.map((planned) => planned.stageIndex)).toEqual([0, 0, 0, 1, 1, 1, 2, 2]);
    expect(plan.leftOut).toEqual([]);
  });

  test("is plain JSON", () => {
    const plan = planOf(WEB);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  test("fetches the artifacts of all earlier stages where a job has no needs", () => {
    expect(job(planOf(WEB), "lint").artifactsFrom).toEqual(["compile", "assets"]);
    expect(job(planOf(WEB), "deploy").artifactsFrom).toEqual(["compile", "assets", "unit"]);
    expect(job(planOf(WEB), "compile").artifactsFrom).toEqual([]);
  });

  test("fetches only those of the needs that ask for them and have any, in plan order", () => {
    expect(job(planOf(WEB), "browser").artifactsFrom).toEqual(["unit"]);
    const reversed = planOf(`${WEB}  z: { stage: deploy, script: ls, needs: [unit, assets, compile] }\n`);
    expect(job(reversed, "z").artifactsFrom).toEqual(["compile", "assets", "unit"]);
    expect(job(reversed, "z").needs).toEqual(["unit", "assets", "compile"]);
  });

  test("drops an optional need on a job that does not exist", () => {
    const plan = planOf("  a: { stage: build, script: ls, needs: [{ job: gone, optional: true }] }\n");
    expect(job(plan, "a").needs).toEqual([]);
  });

  test("tells stage order from an empty list of needs", () => {
    const plan = planOf("  a: { stage: build, script: ls }\n  b: { stage: test, script: ls, needs: [] }\n");
    expect(plan.jobs.map(({ needs }) => needs)).toEqual([null, []]);
  });
});

describe("variables in image names", () => {
  const image = (variables: string, options = {}, head = "") =>
    planOf(
      `  a: { stage: build, script: ls, image: "$HOST/x:\${TAG}", variables: ${variables} }\n`,
      options,
      head,
    ).jobs[0]!.image!.name;

  test("are expanded; run wins over job, and job over pipeline", () => {
    const head = "variables: { HOST: h, TAG: global }";
    expect(image("{}", {}, head)).toBe("h/x:global");
    expect(image("{ TAG: job }", {}, head)).toBe("h/x:job");
    expect(image("{ TAG: job }", { variables: { TAG: "run" } }, head)).toBe("h/x:run");
  });

  test("stay as they are where only the run knows them", () => {
    expect(image("{ TAG: $CI_COMMIT_SHA, HOST: h }")).toBe("h/x:$CI_COMMIT_SHA");
    expect(image("{}")).toBe("$HOST/x:${TAG}");
  });
});

describe("--job", () => {
  test("takes the job with everything it needs, and says why the others are left out", () => {
    const plan = planOf(WEB, { jobs: ["browser"] });
    expect(names(plan)).toEqual(["compile", "assets", "tools", "unit", "browser"]);
    expect(plan.leftOut.map((left) => left.job)).toEqual(["deploy", "lint", "cleanup"]);
    expect(plan.leftOut[0]!.reason).toBe("not picked by --job and not needed by a job that is");
  });

  test("of a job without needs takes the earlier jobs whose artifacts it would fetch", () => {
    expect(names(planOf(WEB, { jobs: ["lint"] }))).toEqual(["compile", "assets", "lint"]);
    expect(names(planOf(WEB, { jobs: ["compile"] }))).toEqual(["compile"]);
  });

  test("takes several jobs", () => {
    expect(names(planOf(WEB, { jobs: ["tools", "unit"] }))).toEqual(["compile", "tools", "unit"]);
  });

  test("starts a manual job that is named, and leaves one that is only needed manual", () => {
    expect(job(planOf(WEB, { jobs: ["deploy"] }), "deploy").when).toBe("on_success");
    const plan = planOf(`${WEB}  after: { stage: deploy, script: ls, needs: [deploy] }\n`, {
      jobs: ["after"],
    });
    expect(job(plan, "deploy").when).toBe("manual");
  });

  test("does not change when a job runs otherwise", () => {
    expect(job(planOf(WEB, { jobs: ["cleanup"] }), "cleanup").when).toBe("on_failure");
  });

  test("with a name that does not exist is NOT_FOUND with a suggestion", () => {
    const { plan, problems } = createPlan(pipelineOf(WEB), {
      facts: NO_FACTS,
      jobs: ["complie", "unit", "zzzzzzzz"],
    });
    expect(plan).toBeUndefined();
    expect(problems).toEqual([
      {
        code: "NOT_FOUND",
        message: 'the pipeline "web" has no job "complie"',
        hint: 'did you mean "compile"?',
      },
      {
        code: "NOT_FOUND",
        message: 'the pipeline "web" has no job "zzzzzzzz"',
        hint: "there are: deploy, compile, assets, tools, unit, browser, lint, cleanup",
      },
    ]);
  });

  test("an empty list of names means all jobs", () => {
    expect(planOf(WEB, { jobs: [] }).jobs.length).toBe(8);
  });
});

describe("--stage", () => {
  test("takes the jobs of that stage alone, with the needs among them", () => {
    const plan = planOf(WEB, { stage: "test" });
    expect(plan.stages).toEqual(["test"]);
    expect(plan.jobs.map(({ name, needs }) => [name, needs])).toEqual([
      ["unit", []],
      ["browser", ["unit"]],
      ["lint", null],
    ]);
    expect(plan.jobs.map(({ stageIndex }) => stageIndex)).toEqual([0, 0, 0]);
    expect(plan.leftOut[1]).toEqual({
      job: "compile",
      reason: 'its stage is "build", not "test" (--stage)',
      why: [],
    });
  });

  test("with --job takes what is in both", () => {
    expect(names(planOf(WEB, { stage: "build", jobs: ["unit"] }))).toEqual(["compile"]);
  });

  test("that does not exist is NOT_FOUND; one without jobs is NOTHING_TO_DO", () => {
    const problems = (options: object) =>
      createPlan(pipelineOf(WEB), { facts: NO_FACTS, ...options }).problems;
    expect(problems({ stage: "tset" })).toEqual([
      { code: "NOT_FOUND", message: 'the pipeline "web" has no stage "tset"', hint: 'did you mean "test"?' },
    ]);
    expect(problems({ stage: "doc" })).toEqual([
      { code: "NOTHING_TO_DO", message: 'the stage "doc" has no jobs' },
    ]);
    expect(problems({ stage: "deploy", jobs: ["unit"] })).toEqual([
      { code: "NOTHING_TO_DO", message: 'none of the jobs picked is in the stage "deploy"' },
    ]);
  });
});
