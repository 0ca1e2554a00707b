import { describe, expect, test } from "bun:test";
import { type Facts, NO_FACTS } from "../../src/pipeline/facts.ts";
import { createPlan, type PlanResult } from "../../src/plan/create-plan.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { pipelineOf, planOf } from "./build.ts";

const factsOf = (facts: Partial<Facts>): Facts => ({ ...NO_FACTS, ...facts });
const job = (plan: Plan, name = "a") => plan.jobs.find((candidate) => candidate.name === name)!;
const names = (plan: Plan) => plan.jobs.map(({ name }) => name);
const resultOf = (jobs: string, facts: Partial<Facts> = {}, head = ""): PlanResult =>
  createPlan(pipelineOf(jobs, head), { facts: factsOf(facts) });
const problem = (result: PlanResult) => result.problems[0];

const KEEP = "  keep: { stage: build, script: ls }\n";
const oneJob = (keys: string) => `${KEEP}  a: { stage: test, script: ls, ${keys} }\n`;

describe("rules", () => {
  test("let a job in by the first that holds, and leave it out where none does", () => {
    const jobs = oneJob("rules: [{ if: $X == 'no', when: never }, { if: $X }]");
    expect(names(planOf(jobs, { variables: { X: "yes" } }))).toEqual(["keep", "a"]);
    for (const variables of [{ X: "no" }, {}]) expect(names(planOf(jobs, { variables }))).toEqual(["keep"]);
    const plan = planOf(jobs, { variables: { X: "no" } });
    expect(plan.leftOut).toMatchObject([
      {
        job: "a",
        reason: "rule 1 says never: if $X == 'no' (X is \"no\")",
        why: [{ matched: true, values: { X: "no" } }],
      },
    ]);
    expect(planOf(jobs).leftOut[0]).toMatchObject({
      reason: "none of its rules holds: if $X == 'no' (X is not set); if $X (X is not set)",
      why: [
        { text: "if $X == 'no'", matched: false, values: { X: null }, result: "" },
        { text: "if $X", matched: false },
      ],
    });
  });

  test("without when mean what the job says, not on_success", () => {
    expect(job(planOf(oneJob("when: always, rules: [{ if: '\"x\"' }]"))).when).toBe("always");
    expect(job(planOf(oneJob("rules: [{ if: '\"x\"' }]"))).when).toBe("on_success");
  });

  test.each([
    ["when: manual", true],
    ["rules: [{ when: manual }]", false],
    ["when: manual, rules: [{ when: on_success }]", true],
    ["when: manual, rules: [{ when: manual, allow_failure: false }]", false],
    ["allow_failure: true, rules: [{ when: manual }]", true],
    ["rules: [{ when: manual, allow_failure: true }]", true],
  ])("%s: may fail %p", (keys, allowed) => {
    expect(job(planOf(oneJob(keys))).allowFailure).toBe(allowed);
  });

  test("replace needs and interruptible of the job, and add variables", () => {
    const rule = "{ if: $X, needs: [], variables: { B: rule, C: new }, interruptible: true }";
    const keys = `needs: [keep], variables: { A: own, B: own }, rules: [${rule}, { when: on_success }]`;
    const changed = job(planOf(oneJob(keys), { variables: { X: "1" } }));
    expect(changed).toMatchObject({ needs: [], interruptible: true });
    expect(changed.variables).toEqual({ A: "own", B: "rule", C: "new" });
    expect(job(planOf(oneJob(keys)))).toMatchObject({
      needs: ["keep"],
      interruptible: false,
      variables: { A: "own", B: "own" },
    });
  });

  test("see variables of the pipeline, the job, the run and what made it, expanded", () => {
    const keys =
      "variables: { FULL: '$NAME-$CI_COMMIT_BRANCH-$CI_JOB_NAME' }, rules: [{ if: $FULL == $WANTED }]";
    const head = "variables: { NAME: web }";
    const facts = factsOf({ predefined: { CI_COMMIT_BRANCH: "main$HOME" } });
    const plan = (WANTED: string) => planOf(oneJob(keys), { facts: { ...facts, run: { WANTED } } }, head);
    expect(names(plan("web-main$HOME-a"))).toEqual(["keep"]);
    expect(plan("'").leftOut[0]!.why[0]!.values).toEqual({ FULL: "web-main$HOME-a", WANTED: "'" });
    const raw = { ...facts, run: { WANTED: { value: "web-main$HOME-a", expand: false } } };
    expect(names(planOf(oneJob(keys), { facts: raw }, head))).toEqual(["keep", "a"]);
  });

  test("hold on changes that are known, and on those that are not", () => {
    const jobs = oneJob("rules: [{ changes: [src/**/*] }]");
    expect(resultOf(jobs)).toMatchObject({ plan: undefined, wanted: { changed: [""], files: false } });
    const plan = (changed: string[] | null) => resultOf(jobs, { changed: { "": changed } });
    expect(names(plan(["src/a/b.ts"]).plan!)).toEqual(["keep", "a"]);
    expect(job(plan(["src/a/b.ts"]).plan!).why[0]!.note).toBe("src/a/b.ts changed");
    expect(names(plan(["docs/x.md"]).plan!)).toEqual(["keep"]);
    expect(plan([]).plan!.leftOut[0]!.why[0]!.note).toBe("nothing changed");
    expect(names(plan(null).plan!)).toEqual(["keep", "a"]);
    expect(plan(null).warnings).toMatchObject([{ code: "PLAN_CHANGES_UNKNOWN", job: "a" }]);
  });

  test("ask for what is reached alone", () => {
    const jobs = oneJob(
      "rules: [{ if: $X, exists: [Dockerfile] }, { changes: { paths: ['$D/*'], compare_to: $BASE } }]",
    );
    expect(resultOf(jobs).wanted).toEqual({ changed: ["$BASE"], files: false });
    const run = { X: "1", BASE: "dev", D: "src" };
    expect(resultOf(jobs, { run }).wanted).toEqual({ changed: [], files: true });
    expect(resultOf(jobs, { run, files: ["README"] }).wanted).toEqual({ changed: ["dev"], files: false });
    expect(resultOf(jobs, { run, files: ["Dockerfile"] }).wanted).toBeNull();
    const found = resultOf(jobs, { run, files: [], changed: { dev: ["src/x"] } });
    expect(job(found.plan!).why[1]!.note).toBe("src/x changed");
  });

  test("of the workflow decide on the run and add variables", () => {
    const head = "workflow: { rules: [{ if: $X == 'no', when: never }, { if: $X, variables: { V: set } }] }";
    const jobs = oneJob("rules: [{ if: $V == 'set' }]");
    const result = resultOf(jobs, { run: { X: "1" } }, head);
    expect(names(result.plan!)).toEqual(["keep", "a"]);
    expect(result.plan!.variables.global).toEqual({ V: "set" });
    expect(result.plan!.workflow.map(({ matched }) => matched)).toEqual([false, true]);
    expect(problem(resultOf(jobs, {}, head))).toMatchObject({
      code: "NOTHING_TO_DO",
      message:
        'the rules of "workflow" make no run of "web": none of them holds: if $X == \'no\' (X is not set); if $X (X is not set)',
    });
    expect(problem(resultOf(jobs, { run: { X: "no" } }, head))!.message).toContain("rule 1 says never");
  });

  test("are never passed over by --job", () => {
    const result = createPlan(pipelineOf(oneJob("rules: [{ if: $X }]")), { facts: NO_FACTS, jobs: ["a"] });
    expect(problem(result)).toMatchObject({ code: "NOTHING_TO_DO" });
    expect(problem(result)!.message).toBe(
      'the rules leave out the job "a": none of its rules holds: if $X (X is not set)',
    );
  });
});

describe("needs", () => {
  const NEEDS = (need: string) => `${KEEP}  b: { stage: build, script: ls, rules: [{ if: $X }] }
  a: { stage: test, script: ls, needs: [${need}] }\n`;

  test("on a job that the rules leave out make no run, unless they are optional", () => {
    expect(problem(resultOf(NEEDS("b")))).toMatchObject({ code: "NEED_LEFT_OUT" });
    expect(job(resultOf(NEEDS("{ job: b, optional: true }")).plan!).needs).toEqual([]);
    expect(job(resultOf(NEEDS("b"), { run: { X: "1" } }).plan!).needs).toEqual(["b"]);
  });

  test("of a rule must not lead in a circle", () => {
    const jobs = `  a: { stage: test, script: ls, rules: [{ needs: [b] }] }
  b: { stage: test, script: ls, rules: [{ if: $X, needs: [a] }, { needs: [] }] }\n`;
    expect(job(resultOf(jobs).plan!).needs).toEqual(["b"]);
    expect(problem(resultOf(jobs, { run: { X: "1" } }))).toMatchObject({
      code: "NEEDS_CIRCLE",
      message: "jobs need each other in a circle: a -> b -> a",
    });
  });
});

describe("parallel", () => {
  const MATRIX = `  build:
    stage: build
    script: ls
    artifacts: { paths: [out] }
    parallel: { matrix: [{ OS: [linux, darwin], ARCH: [x64, arm] }, { OS: wasm }] }
    rules: [{ if: $OS == $WITHOUT, when: never }, { when: on_success }]
`;

  test("multiplies a job by a number", () => {
    const plan = planOf("  a: { stage: test, script: ls, parallel: 3 }\n");
    expect(names(plan)).toEqual(["a 1/3", "a 2/3", "a 3/3"]);
    expect(plan.jobs[1]).toMatchObject({ origin: "a", node: { index: 2, total: 3 } });
    expect(names(planOf("  a: { stage: test, script: ls, parallel: 1 }\n"))).toEqual(["a 1/1"]);
  });

  test("multiplies it by values, which are variables and which its rules see", () => {
    const plan = planOf(MATRIX);
    expect(names(plan)).toEqual([
      "build: [linux, x64]",
      "build: [linux, arm]",
      "build: [darwin, x64]",
      "build: [darwin, arm]",
      "build: [wasm]",
    ]);
    expect(plan.jobs[1]!.variables).toEqual({ OS: "linux", ARCH: "arm" });
    expect(names(planOf(MATRIX, { variables: { WITHOUT: "darwin" } }))).toHaveLength(3);
  });

  test("lets needs mean all instances of the run, or those with some values", () => {
    const all = `${MATRIX}  a: { stage: test, script: ls, needs: [build] }\n`;
    const without = planOf(all, { variables: { WITHOUT: "darwin" } });
    expect(job(without).needs).toEqual(["build: [linux, x64]", "build: [linux, arm]", "build: [wasm]"]);
    expect(job(without).artifactsFrom).toEqual(job(without).needs!);
    const some = (os: string, rest = "") =>
      `${MATRIX}  a: { stage: test, script: ls, needs: [{ job: build${rest}, parallel: { matrix: [{ OS: ${os}, ARCH: [x64] }] } }] }\n`;
    expect(job(planOf(some("[linux, darwin]"))).needs).toEqual([
      "build: [linux, x64]",
      "build: [darwin, x64]",
    ]);
    expect(job(planOf(some("[linux, darwin]"), { variables: { WITHOUT: "linux" } })).needs).toEqual([
      "build: [darwin, x64]",
    ]);
    const gone = { run: { WITHOUT: "linux" } };
    expect(problem(resultOf(some("linux"), gone))).toMatchObject({ code: "NEED_LEFT_OUT" });
    expect(job(resultOf(some("linux", ", optional: true"), gone).plan!).needs).toEqual([]);
  });

  test("lets --job name one instance or all", () => {
    expect(names(planOf(MATRIX, { jobs: ["build: [wasm]"] }))).toEqual(["build: [wasm]"]);
    expect(names(planOf(MATRIX, { jobs: ["build"] }))).toHaveLength(5);
  });

  test("lets no two jobs have one name", () => {
    const jobs = `  a: { stage: test, script: ls, parallel: 2 }\n  a 1/2: { stage: test, script: ls }\n`;
    expect(() => planOf(jobs)).toThrow('two jobs would be named "a 1/2"');
  });
});

describe("dependencies", () => {
  const JOBS = (keys: string) => `  one: { stage: build, script: ls, artifacts: { paths: [x] } }
  two: { stage: build, script: ls, artifacts: { paths: [x] }, rules: [{ if: $X != 'no' }] }
  a: { stage: test, script: ls, ${keys} }\n`;

  test.each([
    ["dependencies: [two]", ["two"]],
    ["dependencies: []", []],
    ["needs: [one, two], dependencies: [one]", ["one"]],
  ])("%s", (keys, from) => {
    expect(job(planOf(JOBS(keys))).artifactsFrom).toEqual(from);
  });

  test("pass over a job that the rules leave out", () => {
    const plan = planOf(JOBS("dependencies: [two, one]"), { variables: { X: "no" } });
    expect(job(plan).artifactsFrom).toEqual(["one"]);
  });
});

test("a job more changes no other's plan", () => {
  const jobs = `  b: { stage: build, script: ls, parallel: 2, artifacts: { paths: [x] } }
  a: { stage: test, script: ls, needs: [b], rules: [{ if: $X == null }] }\n`;
  const plan = planOf(jobs);
  const more = planOf(`${jobs}  z: { stage: test, script: ls, parallel: { matrix: [{ V: [1, 2] }] } }\n`);
  const withoutPlace = ({ at: _, ...rest }: Plan["jobs"][number]) => rest;
  for (const { name } of plan.jobs)
    expect(withoutPlace(job(more, name))).toEqual(withoutPlace(job(plan, name)));
});

test("an image of a variable that nothing defines is doubted, one that a run defines is not", () => {
  const image = (name: string) => resultOf(`  a: { stage: test, script: ls, image: "${name}" }\n`).warnings;
  expect(image("node:$VERSION")).toMatchObject([{ code: "PLAN_UNDEFINED_VARIABLE", job: "a" }]);
  expect(image("app:$CI_COMMIT_SHA")).toEqual([]);
});

describe("variables that no rule asks for", () => {
  test("cost nothing, however many there are in however many jobs", () => {
    let read = 0;
    const pipeline = pipelineOf(
      Array.from(
        { length: 50 },
        (_, at) => `  j${at}: { stage: build, script: ls, rules: [{ if: $V1 == "xx" }] }\n`,
      ).join(""),
      `variables: {${Array.from({ length: 100 }, (_, at) => `V${at}: "${at === 0 ? "x" : "x$V0"}"`).join(", ")}}`,
    );
    const variables = new Proxy(pipeline.variables, {
      get: (all, name: string) => {
        read += 1;
        return all[name];
      },
    });
    const { plan } = createPlan({ ...pipeline, variables }, { facts: NO_FACTS });
    expect(plan?.jobs.length).toBe(50);
    expect(read).toBeLessThan(50 * 10);
  });
});
