import { compileRegex } from "../expression/regex.ts";
import type { RegexText } from "../pipeline.ts";
import { isScalarOf, type Shape, wrongType } from "../shape.ts";

const WRITTEN = /^\/(?<source>.+)\/(?<flags>[ismU]*)$/s;
const NOUN = "a /pattern/";

/** A pattern between slashes. */
export const coverage: Shape<RegexText> = {
  noun: NOUN,
  schema: { type: "string", pattern: "^/.+/[ismU]*$" },
  accepts: (node) => isScalarOf(node, "string"),
  read(node, context) {
    if (!isScalarOf(node, "string")) return wrongType(node, NOUN, context);
    const fail = (message: string, hint: string) =>
      context.report.error("CONFIG_REGEX", node.span, message, hint);
    const shown = node.value.length > 80 ? `${node.value.slice(0, 80)}...` : node.value;
    const groups = WRITTEN.exec(node.value.trim())?.groups;
    if (groups === undefined) {
      return fail(
        `${JSON.stringify(shown)} is no pattern`,
        "write it between slashes: /Lines: (\\d+\\.\\d+)%/",
      );
    }
    const { source = "", flags = "" } = groups;
    const compiled = compileRegex({ source, flags });
    if (typeof compiled === "function") return { source, flags };
    const hint = "patterns are those of RE2: no look-around, no backreferences";
    return fail(`the pattern ${shown} cannot be used: ${compiled.problem}`, hint);
  },
};
