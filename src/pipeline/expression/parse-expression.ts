import type { Expression } from "../pipeline.ts";

/** `start`, `end`: of what is wrong, in UTF-16 offsets into the text. `code` CONFIG_REGEX: a pattern in it is none of RE2. */
export interface ExpressionProblem {
  code: "CONFIG_EXPRESSION" | "CONFIG_REGEX";
  message: string;
  hint: string;
  start: number;
  end: number;
}

/** Reads the condition of a rule, such as `$CI_COMMIT_BRANCH == "main"`. */
export function parseExpression(text: string): Expression | { problem: ExpressionProblem } {
  const name = /^\s*\$([A-Za-z_][A-Za-z0-9_]*)\s*$/.exec(text)?.[1];
  if (name !== undefined) return { kind: "variable", name };
  const message = `${JSON.stringify(text.slice(0, 80))} is not an expression`;
  const hint = "name a variable, such as $DEPLOY";
  return { problem: { code: "CONFIG_EXPRESSION", message, hint, start: 0, end: text.length } };
}
