import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FileText } from "../../src/pipeline/compose/compose.ts";
import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { type ParseResult, parsePipeline } from "../../src/pipeline/parse-pipeline.ts";

export const CASES = join(import.meta.dir, "cases");

/** A pipeline file; `files` is the tree around it, by path. */
export interface GoldenCase {
  name: string;
  text: string;
  files: Map<string, string>;
}

/** Every folder of `cases/`: `pipeline.yml`, and below `files/` what it includes. */
export function goldenCases(): GoldenCase[] {
  return readdirSync(CASES)
    .sort()
    .map((name) => ({
      name,
      text: readFileSync(join(CASES, name, "pipeline.yml"), "utf8"),
      files: readFiles(join(CASES, name, "files")),
    }));
}

function readFiles(directory: string): Map<string, string> {
  if (!existsSync(directory)) return new Map();
  const paths = (readdirSync(directory, { recursive: true }) as string[]).sort();
  const files = paths.filter((path) => statSync(join(directory, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(directory, path), "utf8")]));
}

/** Parsed as a run does it: what a round wants is fetched for the next one. */
export function parseCase({ text, files }: GoldenCase): ParseResult {
  const fetched = new Map<string, FileText>();
  const facts = { ...NO_FACTS, files: [...files.keys()] };
  for (let round = 1; ; round++) {
    const result = parsePipeline(text, { file: "pipeline.yml", files: fetched, facts });
    if (result.wanted === null || round === 20) return result;
    for (const path of result.wanted.paths) {
      const found = files.get(path);
      fetched.set(path, found === undefined ? { problem: "there is no such file" } : { text: found });
    }
  }
}
