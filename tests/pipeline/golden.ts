import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const CASES = join(import.meta.dir, "cases");

export interface GoldenCase {
  name: string;
  text: string;
}

/** Every folder of `cases/`. */
export function goldenCases(): GoldenCase[] {
  return readdirSync(CASES)
    .sort()
    .map((name) => ({ name, text: readFileSync(join(CASES, name, "pipeline.yml"), "utf8") }));
}
