import type { RE2JS } from "re2js";
import type { RegexText } from "../pipeline.ts";

/** Whether a text holds a match, in time that grows with its length alone. */
export type RegexTest = (text: string) => boolean;

/** A pattern in the dialect of RE2 (https://github.com/google/re2/wiki/Syntax), or in words why it is none. */
export function compileRegex({ source, flags }: RegexText): RegexTest | { problem: string } {
  const engine = loadEngine();
  try {
    const pattern = engine.compile(flags === "" ? source : `(?${flags})${source}`);
    return (text) => pattern.matcher(text).find();
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Most pipelines have no pattern in them, and reading the engine takes longer than reading a pipeline. */
function loadEngine(): typeof RE2JS {
  return (require("re2js") as typeof import("re2js")).RE2JS;
}
