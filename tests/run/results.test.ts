import { describe, expect, test } from "bun:test";
import type { FakeProgram } from "../../src/executor/fake/fake-engine.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import { readDotenv } from "../../src/run/dotenv.ts";
import type { SecretSource } from "../../src/run/secret-source.ts";
import type { RunDetail } from "../../src/run/store.ts";
import { Orchestra } from "../support/orchestra.ts";
import { plannedJob, planOf } from "../support/plans.ts";

type ReportFiles = Partial<Record<"junit" | "dotenv" | "others", string[]>>;

const keeping = (reports: ReportFiles, paths: string[] = []): Partial<PlannedJob> => ({
  artifacts: {
    ...{ paths, exclude: [], when: "on_success", name: undefined, expireInMs: undefined },
    reports: { junit: [], dotenv: [], others: [], ...reports },
  },
});

/** Writes these files, prints `output` and ends with `exit`. */
const writing =
  (files: Record<string, string>, exit = 0, output = ""): FakeProgram =>
  async (io) => {
    for (const [path, text] of Object.entries(files)) io.write(path, text);
    io.print(output);
    return exit;
  };

const jobOf = ({ jobs, attempts }: RunDetail, name: string) => {
  const job = jobs.find((one) => one.name === name)!;
  const attempt = attempts.find(({ jobId, number }) => jobId === job.id && number === job.attempt);
  return { job, attempt };
};

const RED =
  '<testsuite><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuite>';

describe("JUnit reports", () => {
  test("are read of a job that failed as well, and a broken one is a warning", async () => {
    const files = { "out/a.xml": RED, "out/b.xml": RED, "out/broken.xml": "<testsuite>\n<testcase>\n</x>" };
    await using orchestra = await Orchestra.open({ programs: { unit: writing(files, 1) } });
    const unit = plannedJob("unit", {
      script: ["unit"],
      ...keeping({ junit: ["out/*.xml", "none.xml"] }),
    });
    const detail = await orchestra.run(planOf([unit]));
    const { job, attempt } = jobOf(detail, "unit");
    expect(job).toMatchObject({ state: "failed", failureReason: "script_failure", exitCode: 1 });
    expect(attempt!.artifactLayer).toBeNull();
    expect(attempt!.results).toMatchObject({ tests: { total: 4, failed: 2 }, dotenv: null, coverage: null });
    expect(detail.artifacts.map(({ path }) => path)).toEqual(Object.keys(files));
    const failures = await orchestra.store.readTestFailures([detail.run.id]);
    expect(failures.map(({ name, message }) => [name, message])).toEqual([
      ["b", "no"],
      ["b", "no"],
    ]);
    const log = await orchestra.log(detail, "unit");
    expect(log).toContain("warning: junit: out/broken.xml:3: unexpected close tag");
    expect(log).toContain('warning: reports: nothing matches "none.xml"');
  });

  test("hold no secret of the job", async () => {
    const secrets: SecretSource = {
      read: async () => new Map([["TOKEN", { value: "swordfish-9", file: false, former: [] }]]),
    };
    const failure = '<failure message="not swordfish-9">got swordfish-9 at swordfish-9.js:3</failure>';
    const text = `<testsuite name="swordfish-9"><testcase name="swordfish-9">${failure}</testcase></testsuite>`;
    await using orchestra = await Orchestra.open({ programs: { unit: writing({ "a.xml": text }) } });
    const unit = plannedJob("unit", {
      script: ["unit"],
      secrets: ["TOKEN"],
      ...keeping({ junit: ["a.xml"] }),
    });
    const { run } = await orchestra.run(planOf([unit]), { secrets });
    const failures = await orchestra.store.readTestFailures([run.id]);
    expect(failures).toMatchObject([{ name: "[MASKED]", suite: "[MASKED]", message: "not [MASKED]" }]);
    expect(JSON.stringify(failures)).not.toContain("swordfish");
  });

  test("do not change what a job came to, and a job without any has no results", async () => {
    await using orchestra = await Orchestra.open({ programs: { green: writing({ "a.xml": "<" }) } });
    const green = plannedJob("green", { script: ["green"], ...keeping({ junit: ["a.xml"] }) });
    const detail = await orchestra.run(planOf([green, plannedJob("plain")]));
    expect(jobOf(detail, "green").job.state).toBe("success");
    expect(jobOf(detail, "green").attempt!.results).toMatchObject({ tests: null });
    expect(jobOf(detail, "plain").attempt!.results).toBeNull();
  });
});

describe("dotenv reports", () => {
  const make = plannedJob("make", { script: ["make"], ...keeping({ dotenv: ["*.env"] }, ["dist"]) });
  const use = plannedJob("use", {
    ...{ stage: "test", stageIndex: 1, artifactsFrom: ["make"], script: ["use"] },
    variables: { LEVEL: "job", KEPT: "$LEVEL" },
  });
  const using: FakeProgram = async (io) => {
    const { LEVEL, KEPT, PROJECT, RUN, RAW } = io.environment;
    io.print(`got ${LEVEL} ${KEPT} ${PROJECT} ${RUN} ${RAW} ${io.read("dist")} ${io.read("a.env")}\n`);
    return 0;
  };

  test("are variables over the job's and below those of the project and run; the files stay behind", async () => {
    const text = "LEVEL='dotenv'\r\nPROJECT=dotenv\nRUN=dotenv\nRAW=$LEVEL\n";
    const make1 = writing({ "a.env": text, dist: "dist" });
    await using orchestra = await Orchestra.open({ programs: { make: make1, use: using } });
    const plan = planOf([make, use]);
    const variables = { global: {}, project: { PROJECT: "project" }, run: { RUN: "run" } };
    const detail = await orchestra.run({ ...plan, variables });
    expect(await orchestra.log(detail, "use")).toContain(
      "got dotenv dotenv project run $LEVEL dist undefined",
    );
  });

  test("of which one is wrong fail the job that was to write them, with file and line", async () => {
    await using orchestra = await Orchestra.open({ programs: { make: writing({ "a.env": "A=1\nb c\n" }) } });
    const detail = await orchestra.run(planOf([make, use]));
    expect(jobOf(detail, "make").job).toMatchObject({ state: "failed", failureReason: "config_error" });
    expect(jobOf(detail, "make").attempt!.message).toBe("dotenv: a.env:2: it is not NAME=value");
    expect(jobOf(detail, "use").job.state).toBe("skipped");
  });

  test("are those of the newest attempt after a retry", async () => {
    let attempt = 0;
    const make1: FakeProgram = async (io) => {
      attempt += 1;
      io.write("a.env", `LEVEL=${attempt}\n`);
      return 0;
    };
    await using orchestra = await Orchestra.open({ programs: { make: make1, use: using } });
    const { run } = await orchestra.run(planOf([make, use]));
    for (const job of ["make", "use"]) {
      await orchestra.store.execute(run.id, { type: "retry", jobs: [job], actor: "me", owner: null });
      await using worker = orchestra.worker({ scope: { kind: "runs", runIds: [run.id] } });
      await worker.run(new AbortController().signal);
    }
    const detail = (await orchestra.store.readRun(run.id))!;
    expect(await orchestra.log(detail, "use")).toContain("got 2 2");
  });

  test.each([
    ["A=1\n\n# B=2\nexport C=3", "4: write NAME=value, without export"],
    ["CI_COMMIT_SHA=x", "1: CI_COMMIT_SHA is a name of cicd's own"],
    ["CICD=x", "1: CICD is a name of cicd's own"],
    ["A-B=1", '1: "A-B" is no name of a variable'],
    ["A=\0", "1: the value holds a NUL character"],
    [Array.from({ length: 151 }, (_, n) => `A${n}=`).join("\n"), "151: more than 150 variables"],
  ])("%# are refused with the line", (text, problem) => {
    const read = readDotenv(text);
    expect("problem" in read ? `${read.line}: ${read.problem}` : read).toBe(problem);
  });

  test("take the later of two, one pair of quotes off, and nothing in place of anything", () => {
    const text = `\ufeffA=1\nA = "x y" \r\nB='it''s'\nC="\nD=a=b $A #c\nE=\n`;
    const expected = { A: "x y", B: "it''s", C: '"', D: "a=b $A #c", E: "" };
    expect(Object.fromEntries(readDotenv(text) as Map<string, string>)).toEqual(expected);
  });
});

describe("coverage", () => {
  const coverageOf = async (source: string, output: string) => {
    await using orchestra = await Orchestra.open({ programs: { unit: writing({}, 0, output) } });
    const unit = plannedJob("unit", { script: ["unit"], coverage: { source, flags: "" } });
    return jobOf(await orchestra.run(planOf([unit])), "unit").attempt!.results?.coverage;
  };

  test("is the last figure of the log that the pattern finds, by its group or in all of it", async () => {
    expect(await coverageOf("Lines: (\\d+\\.\\d+)%", "Lines: 10.5%\nLines: 81.25% Lines: 82.5%\nbye")).toBe(
      82.5,
    );
    expect(await coverageOf("Lines:\\s+\\d+%", "Lines: 81%\nLines: none\n")).toBe(81);
    expect(await coverageOf("a (x)|b (\\d+)", "b 7\n")).toBe(7);
    expect(await coverageOf("Lines: (\\d+)", "\u001b[32mLi\u001b[0mnes: \u001b[1m81\u001b[0m\r\n")).toBe(81);
    expect(await coverageOf("Lines: (\\d+)", "nothing\n")).toBeUndefined();
  });

  test("is found far before the end of a long log, across the pieces it is read in", async () => {
    const tail = `${"x".repeat(99)}\n`.repeat(9000);
    expect(await coverageOf("cover(\\d+)", `cover77${tail}`)).toBe(77);
  });
});
