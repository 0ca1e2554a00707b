import type { RegexText } from "../pipeline.ts";

export type Operator = "==" | "!=" | "=~" | "!~" | "&&" | "||" | "(" | ")";

/** `start`, `end`: in UTF-16 offsets into the text. */
export type Token = { start: number; end: number } & (
  | { kind: "variable"; name: string }
  | { kind: "text"; value: string }
  | { kind: "null" }
  | ({ kind: "regex" } & RegexText)
  | { kind: Operator }
);

/** Where no token could be read. */
export interface LexProblem {
  start: number;
  end: number;
  message: string;
  hint: string;
}

const TOKEN =
  /(?<space>\s+)|\$(?<name>[A-Za-z_][A-Za-z0-9_]*)|"(?<double>[^"]*)"|'(?<single>[^']*)'|\/(?<regex>(?:[^/\\]|\\.)+)\/(?<flags>[ismU]*)|(?<operator>==|!=|=~|!~|&&|\|\||[()])|(?<null>null(?![A-Za-z0-9_]))/sy;

/** The tokens of an expression. Texts know no escapes, as in GitLab. */
export function lex(text: string): Token[] | { problem: LexProblem } {
  const tokens: Token[] = [];
  for (let start = 0; start < text.length; ) {
    TOKEN.lastIndex = start;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) return { problem: noToken(text, start) };
    const end = TOKEN.lastIndex;
    const { name, regex, flags = "", operator, space } = groups;
    const value = groups.double ?? groups.single;
    if (name !== undefined) tokens.push({ kind: "variable", name, start, end });
    else if (value !== undefined) tokens.push({ kind: "text", value, start, end });
    else if (regex !== undefined) tokens.push({ kind: "regex", source: regex, flags, start, end });
    else if (operator !== undefined) tokens.push({ kind: operator as Operator, start, end });
    else if (space === undefined) tokens.push({ kind: "null", start, end });
    start = end;
  }
  return tokens;
}

function noToken(text: string, start: number): LexProblem {
  const rest = text.slice(start);
  const first = rest[0]!;
  if (first === '"' || first === "'" || first === "/") {
    const what = first === "/" ? "pattern" : "text";
    const message = `the ${what} at column ${start + 1} does not end`;
    return { start, end: text.length, message, hint: `close it with ${first}` };
  }
  const written = /^(?:\$\{\w*\}?|\w+|[^\s\w"'/$()]+|.)/su.exec(rest)![0].slice(0, 80);
  const message = `${JSON.stringify(written)} at column ${start + 1}`;
  return { start, end: start + written.length, message, hint: hintFor(written) };
}

function hintFor(written: string): string {
  if (written.startsWith("${")) return "write $NAME, without braces";
  if (written === "=") return "compare with ==";
  if (written.startsWith("!")) return "for a variable that is not set, write $NAME == null";
  if (written === "&" || written === "|") return `write ${written}${written}`;
  if (/^(and|or|not)$/i.test(written)) return "write && and ||";
  if (/^\w/.test(written)) return `for the variable write $${written}, for the text "${written}"`;
  return "an expression is made of $NAME, texts in quotes, null, ==, !=, =~, !~, &&, || and parentheses";
}
