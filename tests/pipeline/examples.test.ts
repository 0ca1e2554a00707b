import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { KEYWORDS } from "../../src/pipeline/keywords/native.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { createPlan } from "../../src/plan/create-plan.ts";

const DOCS = join(import.meta.dir, "../../docs");
const EXAMPLES = join(DOCS, "examples");
const REFERENCE = readFileSync(join(DOCS, "pipeline.md"), "utf8");

describe("the examples of the documentation", () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yml"));

  test("are at least three", () => expect(files.length).toBeGreaterThanOrEqual(3));

  for (const file of files) {
    test(`${file} parses without a complaint and has a plan`, () => {
      const { pipeline, diagnostics } = parsePipeline(readFileSync(join(EXAMPLES, file), "utf8"), { file });
      expect(diagnostics).toEqual([]);
      expect(createPlan(pipeline!, { facts: NO_FACTS }).problems).toEqual([]);
    });
  }
});

describe("the reference of the pipeline file", () => {
  const blocks = [...REFERENCE.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);

  test("documents every keyword", () => {
    const missing = Object.values(KEYWORDS)
      .flat()
      .filter((keyword) => !REFERENCE.includes(`\`${keyword}\``));
    expect(missing).toEqual([]);
  });

  test("has an example for most keywords", () => expect(blocks.length).toBeGreaterThanOrEqual(10));

  for (const [index, block] of blocks.entries()) {
    test(`example ${index + 1} parses without a complaint`, () => {
      const { diagnostics } = parsePipeline(asFile(block), { file: `example ${index + 1}` });
      expect(diagnostics).toEqual([]);
    });
  }
});

/** An example is a whole file, or a part of one job, which is completed here. */
function asFile(block: string): string {
  if (/^name:/m.test(block)) return block;
  const needed = ["stage: test", "script: make", "image: busybox"].filter(
    (line) => !new RegExp(`^${line.split(":")[0]}:`, "m").test(block),
  );
  const job = [...needed, ...block.trimEnd().split("\n")].map((line) => `    ${line}`).join("\n");
  return `name: example\njobs:\n  compile: { stage: build, script: make, image: busybox }\n  job:\n${job}\n`;
}
