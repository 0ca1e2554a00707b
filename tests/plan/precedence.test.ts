import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import type { Variable, Variables } from "../../src/pipeline/pipeline.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import { jobEnvironment } from "../../src/plan/environment.ts";
import { environmentSlug } from "../../src/plan/environment-keyword.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { pipelineOf, planOf } from "./build.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const CONTEXT = {
  ...{ runNumber: 7, runId: "run-1", jobId: "job-1", attempt: 1, repoName: "web", branch: "main" },
  ...{ commit: null, commitMessage: null, projectDir: "/workspace", trigger: "cli", executor: "docker" },
  ...{ secrets: {}, filePath: (name: string) => `/files/${name}`, sha256 },
};
const LEVELS = ["global", "job", "dotenv", "project", "secrets", "run"] as const;
type Level = (typeof LEVELS)[number];

/** The environment of a job in which each of these levels sets variables. */
function environmentOf(set: Partial<Record<Level, Variables>>) {
  const plan = planOf("  a: { stage: test, script: ls }\n");
  const { global = {}, job = {}, dotenv = {}, project = {}, secrets = {}, run = {} } = set;
  const changed: Plan = { ...plan, variables: { global, project, run } };
  return jobEnvironment({ ...plan.jobs[0]!, variables: job }, changed, { ...CONTEXT, dotenv, secrets });
}

describe("where a variable is set twice", () => {
  test("the last of predefined, pipeline, job, dotenv, project, secrets and --var counts, whole", () => {
    for (let bits = 0; bits < 2 ** LEVELS.length; bits += 1) {
      const levels = LEVELS.filter((_, index) => (bits >> index) & 1);
      const written = (level: Level): Variable =>
        level === "run" || level === "job"
          ? `${level} $CI_JOB_STAGE`
          : { value: `${level} $X`, expand: false };
      const set = Object.fromEntries(levels.map((level) => [level, { CI_COMMIT_REF_NAME: written(level) }]));
      const last = levels.at(-1);
      const expected =
        last === undefined ? "main" : last === "run" || last === "job" ? `${last} test` : `${last} $X`;
      expect(environmentOf(set).variables.CI_COMMIT_REF_NAME).toBe(expected);
    }
  });

  test("a file that gives way to a text is none", () => {
    const file = { value: "a", expand: true, file: true };
    expect(environmentOf({ job: { A: file }, run: { A: "b" } })).toMatchObject({ files: [] });
    expect(environmentOf({ job: { A: "b" }, project: { A: file } }).variables.A).toBe("/files/A");
  });
});

describe("a variable that is a file", () => {
  test("holds its path, for others too, and the file what was written, expanded where it is to be", () => {
    const job: Variables = {
      CONFIG: { value: "host=$HOST key=$KEY\n", expand: true, file: true },
      KEY: { value: "a$HOST\r\n'\"", expand: false, file: true },
      HOST: "example.org",
      ARGS: "--config $CONFIG",
    };
    const { variables, files } = environmentOf({ job });
    expect(variables).toMatchObject({ CONFIG: "/files/CONFIG", ARGS: "--config /files/CONFIG" });
    expect(files).toEqual([
      { name: "CONFIG", text: "host=example.org key=/files/KEY\n" },
      { name: "KEY", text: "a$HOST\r\n'\"" },
    ]);
  });
});

describe("secrets in a plan", () => {
  const facts = {
    ...NO_FACTS,
    secrets: ["TOKEN", "CI_COMMIT_BRANCH"],
    predefined: { CI_COMMIT_BRANCH: "main" },
  };
  const rule = (text: string) =>
    `  a: { stage: test, script: ls, rules: [{ if: '${text}' }] }\n  b: { stage: test, script: ls }\n`;

  test.each([
    ["$TOKEN", true],
    ["$TOKEN == null", false],
    ['$TOKEN == ""', false],
    ["$OTHER", false],
    ['$TOKEN == "the value"', false],
    ['$CI_COMMIT_BRANCH == "main"', false],
  ])("are seen by rules as set, and no more: %s", (text, holds) => {
    const { plan } = createPlan(pipelineOf(rule(text)), { facts });
    expect(plan!.jobs.some(({ name }) => name === "a")).toBe(holds);
  });

  test("are not to be compared, and a rule that does so is told of", () => {
    const warningsOf = (text: string) => {
      const { warnings } = createPlan(pipelineOf(rule(text)), { facts });
      return warnings.map(({ code, job }) => `${code} ${job}`);
    };
    expect(warningsOf('$OTHER || $TOKEN =~ /x/ && "x" == $TOKEN')).toEqual([
      "PLAN_SECRET_COMPARED a",
      "PLAN_SECRET_COMPARED a",
    ]);
    expect(warningsOf('$TOKEN && $TOKEN != null && $TOKEN != "" && $OTHER == "x"')).toEqual([]);
  });

  test("give way to --var in rules, as in the job", () => {
    const { plan } = createPlan(pipelineOf(rule('$TOKEN == "said"')), {
      facts: { ...facts, run: { TOKEN: "said" } },
    });
    expect(plan!.jobs.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("stay references in the name of an image, and are not doubted", () => {
    const jobs = "  a: { stage: test, script: ls, image: '$TOKEN/$NAME' }\n";
    const result = createPlan(pipelineOf(jobs), { facts: { ...facts, project: { NAME: "node" } } });
    expect([result.plan!.jobs[0]!.image!.name, result.warnings]).toEqual(["${TOKEN}/node", []]);
  });
});

describe("the environment that a job deploys to", () => {
  const told = (written: string) => {
    const plan = planOf(
      `  a: { stage: test, script: ls, variables: { WHERE: eu, CI_URL: $CI_ENVIRONMENT_URL }, environment: ${written} }\n`,
    );
    return jobEnvironment(plan.jobs[0]!, plan, CONTEXT).variables;
  };

  test("is told with its name expanded, and an address that refers to it", () => {
    const { CI_URL, ...variables } = told(
      "{ name: review/$CI_COMMIT_REF_NAME-$WHERE$NONE, url: 'https://$CI_ENVIRONMENT_SLUG.$WHERE', action: stop }",
    );
    expect(variables).toMatchObject({
      CI_ENVIRONMENT_NAME: "review/main-eu",
      CI_ENVIRONMENT_ACTION: "stop",
      CI_ENVIRONMENT_TIER: "development",
    });
    expect(variables.CI_ENVIRONMENT_URL).toBe(`https://${variables.CI_ENVIRONMENT_SLUG}.eu`);
    expect(CI_URL).toBe(variables.CI_ENVIRONMENT_URL!);
  });

  test("has the tier that its name says, or that is written", () => {
    const tiers = ["dev", "qa-1", "Staging", "prod", "live", "customer"].map(
      (name) => told(name).CI_ENVIRONMENT_TIER,
    );
    expect(tiers).toEqual(["development", "testing", "staging", "production", "production", "other"]);
    expect(told("{ name: dev, deployment_tier: production }").CI_ENVIRONMENT_TIER).toBe("production");
    expect(told("dev").CI_ENVIRONMENT_URL).toBeUndefined();
  });

  test("has a short name fit for hosts, which is another for another name", () => {
    expect(environmentSlug("production", sha256)).toBe("production");
    for (const name of ["Production", "review/a_very_long_name_of_a_branch", "1", "a--b", "é"]) {
      const slug = environmentSlug(name, sha256);
      expect(slug).toMatch(/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/);
      expect(slug).not.toContain("--");
    }
    expect(environmentSlug("a/b", sha256)).not.toBe(environmentSlug("a_b", sha256));
  });
});
