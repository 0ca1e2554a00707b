import type { YAMLError } from "yaml";
import type { Report, Source } from "./source.ts";

const MAX_SYNTAX_ERRORS = 20;

/** yaml's codes in words of people who did not write a YAML parser. `undefined`: yaml's own message is clear. */
const MESSAGES: Partial<Record<YAMLError["code"], { message: string; hint: string }>> = {
  TAB_AS_INDENT: { message: "a tab is used to indent", hint: "YAML is indented with spaces" },
  BAD_INDENT: {
    message: "the indentation does not fit the lines above",
    hint: "give keys of one mapping the same indentation",
  },
  BAD_DQ_ESCAPE: {
    message: "an unknown escape in a double-quoted text",
    hint: 'write "\\\\" for a backslash, or use single quotes',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "a key that goes over several lines",
    hint: 'is a ":" missing, or a quote not closed?',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second ": " in one value',
    hint: 'put a text that holds ": " in quotes',
  },
  KEY_OVER_1024_CHARS: { message: "a key of more than 1024 characters", hint: 'is a ":" missing before it?' },
  BAD_ALIAS: { message: "an alias without a name", hint: 'a text that begins with "*" must be quoted' },
  ALIAS_PROPS: { message: "an alias cannot have an anchor or a tag", hint: "remove them" },
  BAD_DIRECTIVE: { message: "an unknown directive", hint: 'a text that begins with "%" must be quoted' },
  MULTIPLE_ANCHORS: { message: "one value has several anchors", hint: "keep one" },
  MULTIPLE_TAGS: { message: "one value has several tags", hint: "remove them" },
  BAD_SCALAR_START: { message: "a text cannot begin with this character", hint: "put the text in quotes" },
  TAG_RESOLVE_FAILED: { message: "an unknown tag", hint: 'a text that begins with "!" must be quoted' },
  BLOCK_IN_FLOW: {
    message: "an indented block inside brackets",
    hint: "close the bracket first, or use brackets throughout",
  },
  RESOURCE_EXHAUSTION: { message: "the text is nested too deeply", hint: "flatten it" },
};

/** Reports each error of yaml, one per line of the text: what follows on the same line is a consequence of the first. */
export function reportSyntaxErrors(errors: readonly YAMLError[], source: Source, report: Report): void {
  let reported = 0;
  let lineEnd = -1;
  for (const error of [...errors].sort((a, b) => a.pos[0] - b.pos[0])) {
    const [start, end] = error.pos;
    if (start <= lineEnd && reported > 0) continue;
    const newline = source.text.indexOf("\n", start);
    lineEnd = newline < 0 ? source.text.length : newline;
    const { message, hint } = explain(error, source.text);
    report.error("CONFIG_SYNTAX", { source, start, end: Math.max(end, start + 1) }, message, hint);
    if (++reported === MAX_SYNTAX_ERRORS) return;
  }
}

function explain(error: YAMLError, text: string): { message: string; hint?: string } {
  const lineStart = text.lastIndexOf("\n", Math.max(0, error.pos[0] - 1)) + 1;
  if (/^ *\t/.test(text.slice(lineStart, lineStart + 200)) && error.code !== "BAD_DQ_ESCAPE") {
    return MESSAGES.TAB_AS_INDENT!;
  }
  const known = MESSAGES[error.code];
  if (known !== undefined) return known;
  const own = error.message.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  if (/missing closing ['"]quote/i.test(own))
    return { message: "a quote is never closed", hint: "add the closing quote" };
  if (/must end with a [\]}]/.test(own) || /Expected .* to end with/.test(own)) {
    return { message: "a bracket is never closed", hint: "add the closing bracket" };
  }
  if (/Implicit map keys need to be followed by map values/.test(own)) {
    return { message: "a key without a value", hint: 'is a ":" missing?' };
  }
  if (/Implicit keys need to be on a single line/.test(own)) return MESSAGES.MULTILINE_IMPLICIT_KEY!;
  const quoted = own === "" ? "not valid YAML" : own;
  return { message: quoted.charAt(0).toLowerCase() + quoted.slice(1) };
}
