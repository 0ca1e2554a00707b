import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type EnvironmentContext, jobEnvironment } from "../../src/plan/environment.ts";
import { expandVariables } from "../../src/plan/expand.ts";
import { planOf } from "./build.ts";

const CONTEXT: EnvironmentContext = {
  runNumber: 7,
  runId: "run-1",
  jobId: "job-1",
  attempt: 2,
  repoName: "group/My Project",
  branch: "feature/Some_Thing",
  commit: "0123456789abcdef0123456789abcdef01234567",
  commitMessage: "Fix $HOME; `rm`\n\nbody",
  projectDir: "/workspace",
  trigger: "cli",
  executor: "docker",
  secrets: {},
  filePath: (name) => `/files/${name}`,
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
};

function environment(
  variables: string,
  options: { run?: Record<string, string>; global?: string; context?: object } = {},
) {
  const { run = {}, global = "{}", context = {} } = options;
  const plan = planOf(
    `  "unit test": { stage: test, script: ls, timeout: 90s, variables: ${variables} }\n`,
    { variables: run },
    `variables: ${global}`,
  );
  return jobEnvironment(plan.jobs[0]!, plan, { ...CONTEXT, ...context }).variables;
}

describe("the environment of a job", () => {
  test("carries no more of a commit message than an environment can, whole characters of it", () => {
    const variables = environment("{}", { context: { commitMessage: "é".repeat(200_000) } });
    expect(variables.CI_COMMIT_MESSAGE).toBe("é".repeat(50_000));
    expect(variables.CI_COMMIT_TITLE).toBe("é".repeat(50_000));
    const odd = environment("{}", { context: { commitMessage: `x${"é".repeat(200_000)}` } });
    expect(odd.CI_COMMIT_MESSAGE).toBe(`x${"é".repeat(49_999)}`);
  });

  test("tells a tag, a pull request and a schedule apart, in GitLab's words", () => {
    const tag = environment("{}", { context: { branch: null, tag: "v1.2", trigger: "tag" } });
    expect(tag).toMatchObject({
      CI_COMMIT_TAG: "v1.2",
      CI_COMMIT_REF_NAME: "v1.2",
      CI_PIPELINE_SOURCE: "push",
    });
    expect(tag.CI_COMMIT_BRANCH).toBeUndefined();
    expect(environment("{}", { context: { trigger: "schedule" } }).CI_PIPELINE_SOURCE).toBe("schedule");
    const pullRequest = {
      ...{ number: 7, title: "Use $HOME", isFork: true },
      ...{ sourceBranch: "feature/x", targetBranch: "main" },
    };
    const plan = planOf("  a: { stage: test, script: ls }\n", { pullRequest });
    const variables = jobEnvironment(plan.jobs[0]!, plan, { ...CONTEXT, trigger: "pull_request" }).variables;
    expect(variables).toMatchObject({
      CI_COMMIT_REF_NAME: "feature/x",
      CI_COMMIT_REF_SLUG: "feature-x",
      CI_MERGE_REQUEST_IID: "7",
      CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "feature/x",
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_MERGE_REQUEST_TITLE: "Use $HOME",
      CI_PIPELINE_SOURCE: "merge_request_event",
    });
    expect(variables.CI_COMMIT_BRANCH).toBeUndefined();
    expect(variables.CI_COMMIT_TAG).toBeUndefined();
  });

  test("holds the predefined variables", () => {
    expect(environment("{}")).toEqual({
      CI: "true",
      CICD: "true",
      CICD_ATTEMPT: "2",
      CICD_EXECUTOR: "docker",
      CI_COMMIT_BRANCH: "feature/Some_Thing",
      CI_COMMIT_MESSAGE: "Fix $HOME; `rm`\n\nbody",
      CI_COMMIT_REF_NAME: "feature/Some_Thing",
      CI_COMMIT_REF_SLUG: "feature-some-thing",
      CI_COMMIT_SHA: "0123456789abcdef0123456789abcdef01234567",
      CI_COMMIT_SHORT_SHA: "01234567",
      CI_COMMIT_TITLE: "Fix $HOME; `rm`",
      CI_JOB_ID: "job-1",
      CI_JOB_IMAGE: "busybox",
      CI_JOB_NAME: "unit test",
      CI_JOB_NAME_SLUG: "unit-test",
      CI_JOB_STAGE: "test",
      CI_JOB_STATUS: "running",
      CI_JOB_TIMEOUT: "90",
      CI_NODE_TOTAL: "1",
      CI_PIPELINE_ID: "run-1",
      CI_PIPELINE_IID: "7",
      CI_PIPELINE_NAME: "web",
      CI_PIPELINE_SOURCE: "push",
      CI_PROJECT_DIR: "/workspace",
      CI_PROJECT_NAME: "My Project",
      CI_PROJECT_PATH: "group/My Project",
      CI_PROJECT_PATH_SLUG: "group-my-project",
    });
  });

  test("lacks what is not known", () => {
    const seen = environment("{}", { context: { branch: null, commit: null, commitMessage: null } });
    expect(Object.keys(seen).filter((name) => name.startsWith("CI_COMMIT"))).toEqual([]);
  });

  test("takes the run's variable over the job's, the job's over the pipeline's, any over a predefined one", () => {
    const options = { run: { A: "run" }, global: "{ A: global, B: global, C: global, CI: own }" };
    expect(environment("{ A: job, B: job }", options)).toMatchObject({
      A: "run",
      B: "job",
      C: "global",
      CI: "own",
    });
  });

  test("expands references between all of them", () => {
    const seen = environment('{ URL: "$SCHEME://${HOST}/$CI_JOB_STAGE", HOST: "$NAME.org" }', {
      run: { NAME: "example" },
      global: "{ SCHEME: https }",
    });
    expect(seen).toMatchObject({ URL: "https://example.org/test", HOST: "example.org" });
  });

  test("never expands predefined values: a commit message may hold anything", () => {
    expect(environment('{ HOME: x, M: "[$CI_COMMIT_TITLE]" }')).toMatchObject({ M: "[Fix $HOME; `rm`]" });
  });

  test("takes values with newlines, quotes and equals signs as they are", () => {
    expect(environment('{ A: "a\\nb\\"c\'=d" }').A).toBe("a\nb\"c'=d");
  });
});

describe("expansion", () => {
  const expand = (values: Record<string, string>) => expandVariables(values, { KNOWN: "k$A" });

  test("writes $$ as $, leaves what is no name, and makes nothing of a name that is not known", () => {
    expect(expand({ X: "$$A ${ $5 $ a$ $-x [$NOT_THERE]" })).toEqual({ X: "$A ${ $5 $ a$ $-x []" });
  });

  test("takes fixed values as they are", () => {
    expect(expand({ X: "$KNOWN", A: "no" }).X).toBe("k$A");
  });

  test("survives circles: the reference that closes one stays as it is written", () => {
    expect(expand({ A: "$A" })).toEqual({ A: "$A" });
    expect(expand({ A: "a$B", B: "b$A" })).toEqual({ A: "ab$A", B: "b$A" });
  });

  test("survives values that double forty times", () => {
    const values: Record<string, string> = { V0: "xx" };
    for (let level = 1; level <= 40; level++) values[`V${level}`] = `$V${level - 1}$V${level - 1}`;
    const started = performance.now();
    const seen = expand(values);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(seen.V10!.length).toBe(2048);
    expect(Math.max(...Object.values(seen).map((value) => value.length))).toBeLessThanOrEqual(128 * 1024);
  });

  test("survives a chain of 20,000 references", () => {
    const values: Record<string, string> = { V0: "end" };
    for (let level = 1; level <= 20_000; level++) values[`V${level}`] = `$V${level - 1}`;
    expect(expand(values).V20000).toBeString();
    expect(expand({ A: "$B", B: "$C", C: "end" }).A).toBe("end");
  });

  test("does not take names from the prototype of an object", () => {
    expect(expand({ X: "[$constructor$toString]" })).toEqual({ X: "[]" });
  });
});
