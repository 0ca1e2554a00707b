import { describe, expect, test } from "bun:test";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";

const JOB = "stage: test, image: busybox, script: [ls]";
const codesOf = (text: string) =>
  parsePipeline(text, { file: "bomb.yml" }).diagnostics.map(({ code }) => code);

describe("templates that grow without end", () => {
  test("are refused where lists of references double at each level", () => {
    const levels = Array.from({ length: 10 }, (_, index) => {
      const next = Array.from({ length: 12 }, () => `!reference [.t${index + 1}, script]`).join(", ");
      return `  .t${index}: { script: [${next}] }\n`;
    });
    const text = `name: bomb\njobs:\n${levels.join("")}  .t10: { script: [ls] }
  all: { stage: test, image: busybox, script: !reference [.t0, script] }\n`;
    expect(codesOf(text)).toContain("CONFIG_TOO_MANY_ALIASES");
  });

  test("are refused where mappings hold one another many times", () => {
    const keys = Array.from({ length: 20 }, (_, index) => `K${index}`);
    const levels = Array.from({ length: 8 }, (_, index) => {
      const entries = keys.map((key) => `${key}: !reference [.t${index + 1}, variables]`).join(", ");
      return `  .t${index}: { variables: { ${entries} } }\n`;
    });
    const text = `name: bomb\njobs:\n${levels.join("")}  .t8: { variables: { A: a } }
  all: { ${JOB}, variables: !reference [.t0, variables] }\n`;
    expect(codesOf(text)).toEqual(["CONFIG_TOO_MANY_ALIASES"]);
  });
});

test("a template that no job extends may be wrong", () => {
  const text = `name: fine\njobs:\n  .list: [a]\n  .bad: { extends: .absent, nonsense: 1 }\n  one: { ${JOB} }\n`;
  expect(codesOf(text)).toEqual([]);
});

test("the pipeline's own file cannot have an input without a default, as nobody gives it one", () => {
  const text = `spec: { inputs: { env: } }\n---\nname: x\njobs: { one: { ${JOB} } }\n`;
  expect(codesOf(text)).toEqual(["CONFIG_INPUT"]);
});
