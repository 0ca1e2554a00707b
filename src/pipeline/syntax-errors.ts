import { type Document, visit, type YAMLError } from "yaml";
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
    message: 'a key without a ":"',
    hint: 'write "key: value"; or is a quote not closed?',
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
export function reportSyntaxErrors(
  errors: readonly YAMLError[],
  document: Document.Parsed,
  source: Source,
  report: Report,
): void {
  let reported = 0;
  let lineEnd = -1;
  for (const error of [...errors].sort((a, b) => a.pos[0] - b.pos[0])) {
    const { start, end, message, hint } = explain(error, document, source.text);
    if (start <= lineEnd && reported > 0) continue;
    const newline = source.text.indexOf("\n", start);
    lineEnd = newline < 0 ? source.text.length : newline;
    report.error("CONFIG_SYNTAX", { source, start, end: Math.max(end, start + 1) }, message, hint);
    if (++reported === MAX_SYNTAX_ERRORS) return;
  }
}

interface Explanation {
  start: number;
  end: number;
  message: string;
  hint?: string;
}

function explain(error: YAMLError, document: Document.Parsed, text: string): Explanation {
  const [start, end] = error.pos;
  const lineStart = text.lastIndexOf("\n", Math.max(0, start - 1)) + 1;
  const indentation = /^[ \t]*/.exec(text.slice(lineStart, lineStart + 1000))![0];
  const first = lineStart + indentation.length;
  const at = start < first && first < text.length ? { start: first, end: first + 1 } : { start, end };
  const own = error.message.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  if (/missing closing ['"]quote/i.test(own)) return unclosedQuote(document, { start, end });
  if (/\bend with a [\]}]|to end with [\]}]/.test(own)) {
    return {
      ...at,
      message: "a bracket is not closed",
      hint: "add the closing bracket, of the same kind as the opening one",
    };
  }
  if (indentation.includes("\t") && error.code !== "BAD_DQ_ESCAPE") {
    return { start: lineStart, end: first, ...MESSAGES.TAB_AS_INDENT! };
  }
  const known = /Implicit keys need to be on a single line/.test(own)
    ? MESSAGES.MULTILINE_IMPLICIT_KEY
    : MESSAGES[error.code];
  if (known !== undefined) return { ...at, ...known };
  if (/Implicit map keys need to be followed by map values/.test(own)) {
    return { ...at, message: "a key without a value", hint: 'is a ":" missing?' };
  }
  const quoted = own === "" ? "not valid YAML" : own;
  return { ...at, message: quoted.charAt(0).toLowerCase() + quoted.slice(1) };
}

/** yaml reports a quote that is never closed where the text ends; what helps is where it was opened. */
function unclosedQuote(document: Document.Parsed, reported: { start: number; end: number }): Explanation {
  let place = reported;
  visit(document, {
    Scalar(_, scalar) {
      const quoted = scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE";
      const range = scalar.range;
      if (!quoted || range == null || range[0] >= reported.start || range[2] < reported.start) return;
      place = { start: range[0], end: range[0] + 1 };
    },
  });
  return { ...place, message: "this quote is never closed", hint: "add the closing quote" };
}
