import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { KEYWORDS, PIPELINE } from "../../src/pipeline/keywords/native.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import type { Shape } from "../../src/pipeline/shape.ts";
import { createPlan } from "../../src/plan/create-plan.ts";
import { examples } from "../support/examples.ts";

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

describe("the examples that are run", () => {
  test("hold every keyword of the native form", () => {
    const used = new Set<string>();
    for (const { form, text } of examples())
      if (form === "native") collectKeys(parse(text, { merge: true, logLevel: "silent" }), PIPELINE, used);
    const all = Object.entries(KEYWORDS).flatMap(([group, keys]) => keys.map((key) => `${group}.${key}`));
    expect(all.filter((keyword) => !used.has(keyword))).toEqual([]);
  });
});

/** Adds `GROUP.KEY` of each mapping that is one of `KEYWORDS`. */
function collectKeys(data: unknown, shape: Shape<unknown>, used: Set<string>): void {
  if (Array.isArray(data)) {
    for (const item of data) collectKeys(item, shape.item ?? shape, used);
  } else if (typeof data === "object" && data !== null) {
    const groups = Object.entries(KEYWORDS).filter(([, keys]) => String(keys) === String(shape.keys));
    for (const [key, value] of Object.entries(data)) {
      for (const [group] of groups) used.add(`${group}.${key}`);
      const below = shape.child?.(key);
      if (below !== undefined) collectKeys(value, below, used);
    }
  }
}

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
