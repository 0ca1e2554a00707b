import { expect, test } from "bun:test";
import { parseOverride } from "../../src/pipeline/overrides.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { refuseSharedNames } from "../../src/pipeline/shared-names.ts";

const REST = "jobs: { a: { stage: test, script: ls, image: busybox } }\n";

function check(texts: Record<string, string>, overrides: string[] = []) {
  const parsed = Object.entries(texts).map(([file, text]) => ({
    file,
    ...parsePipeline(text, {
      file,
      overrides: overrides.map((typed) => parseOverride(typed)!),
    }),
  }));
  return refuseSharedNames(parsed);
}

test("files with names of their own are left as they are", () => {
  const files = check({ "a.yml": `name: a\n${REST}`, "b.yml": `name: b\n${REST}` });
  expect(files.map(({ pipeline, diagnostics }) => [pipeline?.name, diagnostics])).toEqual([
    ["a", []],
    ["b", []],
  ]);
});

test("the second file of a name is told where, and which file has it", () => {
  const [first, second] = check({ "a.yml": `name: web\n${REST}`, "b.yml": `\nname: "web"\n${REST}` });
  expect(first!.diagnostics).toEqual([]);
  expect(second!.pipeline).toBeUndefined();
  expect(second!.diagnostics).toEqual([
    {
      code: "CONFIG_DUPLICATE_KEY",
      severity: "error",
      message: 'the pipeline in a.yml has the name "web" already',
      file: "b.yml",
      line: 2,
      column: 7,
      length: 5,
      hint: "give each pipeline a name of its own",
    },
  ]);
});

test("in a broken file it stands among the other problems, by position", () => {
  const broken = `nmae: x\nname: web\nstages: []\n${REST}`;
  const [, second] = check({ "a.yml": `name: web\n${REST}`, "b.yml": broken });
  expect(second!.diagnostics.map(({ code, line }) => `${line} ${code}`)).toEqual([
    "1 CONFIG_UNKNOWN_KEY",
    "2 CONFIG_DUPLICATE_KEY",
    "3 CONFIG_INVALID_VALUE",
  ]);
});

test("an override that gives all files one name is the one to blame", () => {
  const [, second] = check({ "a.yml": `name: a\n${REST}`, "b.yml": `name: b\n${REST}` }, ["name=web"]);
  const [problem] = second!.diagnostics;
  expect(problem).toMatchObject({ code: "CONFIG_DUPLICATE_KEY", line: 1, column: 6, length: 3 });
  expect(problem!.file).toContain("name=web");
});
