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

/** What the last match of the pattern in a text took: its last group, or all of it. For patterns that `compileRegex` takes. */
export function compileSearch({ source, flags }: RegexText): (text: string) => string | undefined {
  const pattern = loadEngine().compile(flags === "" ? source : `(?${flags})${source}`);
  return (text) => {
    const matcher = pattern.matcher(text);
    let found: string | undefined;
    while (matcher.find()) {
      found = matcher.group() ?? undefined;
      for (let group = matcher.groupCount(); group > 0; group -= 1) {
        const taken = matcher.group(group);
        if (taken === null) continue;
        found = taken;
        break;
      }
    }
    return found;
  };
}

/** Most pipelines have no pattern in them, and reading the engine takes longer than reading a pipeline. */
function loadEngine(): typeof RE2JS {
  return (require("re2js") as typeof import("re2js")).RE2JS;
}
