import { describe, expect, test } from "bun:test";
import { parseOverride } from "../../src/pipeline/overrides.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { renderDiagnostic } from "../../src/pipeline/render-diagnostic.ts";

const TEXT = `name: web
default: { image: busybox }
variables: { A: "1" }
jobs:
  test:
    stage: test
    script: [one, two]
    image: alpine
  a.b:
    stage: build
    script: make
  a:
    stage: build
    script: make
    artifacts: &files { paths: [dist/] }
  c:
    stage: build
    script: make
    artifacts: *files
`;

function parse(...args: string[]) {
  const overrides = args.map((argument) => parseOverride(argument)!);
  const result = parsePipeline(TEXT, { file: "web.yml", overrides });
  return { ...result, job: (name: string) => result.pipeline?.jobs.find((job) => job.name === name) };
}

describe("an override", () => {
  test("replaces a value", () => {
    expect(parse("default.image=node:22").job("a")?.image?.name).toBe("node:22");
    expect(parse("name=other").pipeline?.name).toBe("other");
  });

  test("adds a key that the language knows and the file lacks", () => {
    expect(parse("jobs.test.timeout=5m").job("test")?.timeoutMs).toBe(300_000);
    expect(parse("jobs.test.retry.max=2").job("test")?.retry.max).toBe(2);
    expect(parse("default.retry=1").job("a")?.retry.max).toBe(1);
    expect(parse("variables.NEW=x y").pipeline?.variables).toEqual({ A: "1", NEW: "x y" });
    expect(parse("jobs.test.variables.NEW=x").job("test")?.variables).toEqual({ NEW: "x" });
  });

  test("adds what a .gitlab-ci.yml lacks, at its top and below default", () => {
    for (const argument of ["default.image=alpine", "image=alpine", "image.name=alpine"]) {
      const overrides = [parseOverride(argument)!];
      const text = "unit: { script: make }";
      const { pipeline } = parsePipeline(text, { file: ".gitlab-ci.yml", overrides });
      expect([argument, pipeline?.jobs[0]?.image?.name]).toEqual([argument, "alpine"]);
    }
  });

  test("takes any YAML as the value", () => {
    expect(parse("jobs.test.script=[a, b]").job("test")?.script).toEqual(["a", "b"]);
    expect(parse("stages=[build, test, more]").pipeline?.stages).toEqual(["build", "test", "more"]);
  });

  test("reaches into what a short form stands for", () => {
    const image = parse("jobs.test.image.pull_policy=always").job("test")?.image;
    expect(image).toEqual({ name: "alpine", entrypoint: undefined, pullPolicy: "always" });
  });

  test("reaches jobs with dots in their names, with quotes or without", () => {
    expect(parse('jobs."a.b".timeout=5m').job("a.b")?.timeoutMs).toBe(300_000);
    expect(parse("jobs.a.b.timeout=5m").job("a.b")?.timeoutMs).toBe(300_000);
    expect(parse("jobs.a.timeout=5m").job("a")?.timeoutMs).toBe(300_000);
  });

  test("reaches items of a list by their number from 0", () => {
    expect(parse("jobs.c.needs=[a]", "jobs.c.needs.0=a.b").job("c")?.needs?.[0]?.job).toBe("a.b");
  });

  test("reaches into a mapping that stands for a list of one", () => {
    const caches = (...args: string[]) => parse("jobs.a.cache.paths=[x]", ...args).job("a")?.caches;
    expect(caches("jobs.a.cache.policy=pull")).toMatchObject([{ paths: ["x"], policy: "pull" }]);
    expect(caches("jobs.a.cache.key.files=[lock]")).toMatchObject([{ key: { files: ["lock"] } }]);
    const listed = ["jobs.a.cache=[{ paths: [x] }, { paths: [y] }]", "jobs.a.cache.1.key=k"];
    expect(caches(...listed)).toMatchObject([{ paths: ["x"] }, { paths: ["y"], key: { text: "k" } }]);
    expect(caches("jobs.a.cache=[]")).toEqual([]);
  });

  test("changes an aliased value in one place only", () => {
    const { job } = parse("jobs.c.artifacts.name=mine");
    expect(job("c")?.artifacts?.name).toBe("mine");
    expect(job("a")?.artifacts?.name).toBeUndefined();
  });

  test("later ones win", () => {
    expect(parse("name=a", "name=b").pipeline?.name).toBe("b");
  });

  const UNKNOWN = [
    ["jobs.tset.timeout=5m", 6, 'did you mean "test"?'],
    ["defualt.image=x", 1, 'did you mean "default"?'],
    ["jobs.test.timeuot=5m", 11, 'did you mean "timeout"?'],
    ["jobs.new={stage: build, script: ls}", 6, "known here: test, a.b, a, c"],
    ["name.x=y", 6, "the path goes too deep"],
    ["jobs.test.needs.3=a", 17, "the path goes too deep"],
    ["__proto__.x=y", 1, "known here: name, stages, on, include, workflow, variables, default, jobs"],
    ["jobs.__proto__.x=y", 6, "known here: test, a.b, a, c"],
    ["variables.1A=y", 11, "known here: A"],
  ] as const;
  for (const [argument, column, hint] of UNKNOWN) {
    test(`${argument} is an unknown path`, () => {
      const { diagnostics } = parse(argument);
      const seen = diagnostics.map(({ code, file, line, column, hint }) => ({
        code,
        file,
        line,
        column,
        hint,
      }));
      expect(seen).toContainEqual({
        code: "CONFIG_UNKNOWN_OVERRIDE",
        file: `-o ${argument}`,
        line: 1,
        column,
        hint,
      });
    });
  }

  test("with a wrong value is reported at the value, after the problems of the file", () => {
    const { diagnostics } = parse("jobs.test.timeout=5k", "jobs.a.image={ nmae: x, name: y }");
    expect(
      diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, TEXT, { color: false })).join("\n"),
    ).toBe(
      `-o jobs.test.timeout=5k:1:19 error [CONFIG_INVALID_DURATION] "5k" is not a duration
    1 | jobs.test.timeout=5k
      |                   ^^
      = hint: write it like 90s, 10m or 3h 30m
-o jobs.a.image={ nmae: x, name: y }:1:16 error [CONFIG_UNKNOWN_KEY] unknown key "nmae"
    1 | jobs.a.image={ nmae: x, name: y }
      |                ^^^^
      = hint: did you mean "name"?`,
    );
  });

  test("with broken YAML is a syntax error in the override", () => {
    const { diagnostics } = parse("name=[a");
    expect(diagnostics.map(({ code, file, line }) => [code, file, line])).toEqual([
      ["CONFIG_SYNTAX", "-o name=[a", 1],
    ]);
  });

  test("with half of a character is refused at the value, as in a file", () => {
    const { pipeline, diagnostics } = parse('name="j\\ud800"', "jobs.a.script=\ud83d");
    expect(pipeline).toBeUndefined();
    expect(diagnostics.map(({ code, column }) => `${code} ${column}`)).toEqual([
      "CONFIG_SYNTAX 6",
      "CONFIG_SYNTAX 15",
    ]);
    expect(parse('variables.A="\\ud83d\\ude00"').pipeline?.variables.A).toBe("😀");
  });

  test("without a value is an empty value, as in YAML", () => {
    expect(parse("name=").diagnostics.map(({ code, column }) => [code, column])).toEqual([
      ["CONFIG_WRONG_TYPE", 6],
    ]);
  });
});

describe("parseOverride", () => {
  test("splits at the first equals sign outside quotes", () => {
    expect(parseOverride("variables.A=b=c")).toEqual({ path: "variables.A", value: "b=c" });
    expect(parseOverride('jobs."a=b".timeout=5m')).toEqual({ path: 'jobs."a=b".timeout', value: "5m" });
    expect(parseOverride("name=two\nlines")).toEqual({ path: "name", value: "two\nlines" });
  });

  for (const wrong of [
    "",
    "=",
    "name",
    "=x",
    ".a=x",
    "a..b=x",
    "a.=x",
    'a"b=x',
    '"a=x',
    '""=x',
    'jobs."a"b=x',
  ]) {
    test(`refuses ${JSON.stringify(wrong)}`, () => {
      expect(parseOverride(wrong)).toBeUndefined();
    });
  }
});
