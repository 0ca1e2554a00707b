import { Composer, type CST, Lexer, Parser, type Document as YamlDocument } from "yaml";
import { convertYaml, MAX_ALIASES, MAX_DEPTH, reportTooDeep, reportTooManyAliases } from "./convert-yaml.ts";
import type { Node } from "./node.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import type { Report, Source } from "./source.ts";
import { reportSyntaxErrors } from "./syntax-errors.ts";

export const MAX_FILE_BYTES = 1024 * 1024;
/** What the full parser reads in about half a second. */
export const MAX_TOKENS = 75_000;
/** What an unexpected token counts: each makes the parser build an error. */
const ERROR_WEIGHT = 100;

/**
 * Reads the one YAML document of a source. Undefined where the text is no YAML or exceeds a limit; then every problem
 * found has been reported.
 */
export function readDocument(source: Source, report: Report): Node | undefined {
  if (!isReadableText(source, report)) return undefined;
  return readPlainYaml(source, report) ?? readYaml(source, report);
}

/**
 * The same by the full parser: what `readPlainYaml` leaves. Where the tokens became too many, errors of the line that was
 * cut are no errors.
 */
export function readYaml(source: Source, report: Report): Node | undefined {
  const stream = tokenize(source, report);
  if (stream === undefined) return undefined;
  const { tokens, end } = stream;
  const composer = new Composer({ uniqueKeys: false, version: "1.2", schema: "core", merge: false });
  const documents: YamlDocument.Parsed[] = [];
  for (const document of composer.compose(tokens, true, end)) {
    documents.push(document as YamlDocument.Parsed);
    if (documents.length === 2) break;
  }
  const [first, second] = documents;
  const cut = end < source.text.length;
  const reliable = cut
    ? Math.max(0, source.text.lastIndexOf("\n", end - 1)) || end
    : Number.POSITIVE_INFINITY;
  const errors = first?.errors.filter(({ pos }) => pos[0] < reliable) ?? [];
  if (first !== undefined && errors.length > 0) reportSyntaxErrors(errors, first, source, report);
  else if (second !== undefined) reportSecondDocument(second, source, report);
  else if (cut) reportTooManyTokens(source, end, report);
  else return convertYaml(first, source, report);
}

function reportSecondDocument(second: YamlDocument.Parsed, source: Source, report: Report): void {
  const start = Math.max(0, second.contents?.range[0] ?? second.range[0]);
  report.error(
    "CONFIG_SYNTAX",
    { source, start, end: start + 1 },
    "a second YAML document begins here",
    'a pipeline file holds one document: remove the "---" or split the file',
  );
}

function reportTooManyTokens(source: Source, end: number, report: Report): void {
  report.error(
    "CONFIG_TOO_LARGE",
    { source, start: end, end: end + 1 },
    `more than ${MAX_TOKENS} YAML tokens up to here`,
    "use less of anchors, folded texts and brackets over several lines, or split the pipeline",
  );
}

/** Refuses what no YAML parser should see: too much of it, NUL bytes and other control characters. */
function isReadableText(source: Source, report: Report): boolean {
  const { text } = source;
  const sizeBytes = text.length > MAX_FILE_BYTES / 3 ? new TextEncoder().encode(text).length : text.length;
  if (sizeBytes > MAX_FILE_BYTES) {
    report.error(
      "CONFIG_TOO_LARGE",
      { source, start: 0, end: 1 },
      `the file has ${sizeBytes} bytes; ${MAX_FILE_BYTES} are allowed`,
      "move long scripts into files of the repository",
    );
    return false;
  }
  return hasNoControlCharacters(source, report);
}

function hasNoControlCharacters(source: Source, report: Report): boolean {
  const at = (index: number) => ({ source, start: index, end: index + 1 });
  const undecodable = source.text.indexOf("\ufffd");
  if (undecodable >= 0) {
    const message = "a character that could not be read (U+FFFD)";
    report.warning("CONFIG_SYNTAX", at(undecodable), message, "save the file as UTF-8");
  }
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/.exec(source.text);
  if (control === null) return true;
  const name = `U+${control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  const [message, hint] =
    control[0] === "\0"
      ? ["a NUL byte: this is no text, or not UTF-8", "save the file as UTF-8"]
      : [`the control character ${name}`, 'remove it, or write it as "\\x.." in double quotes'];
  report.error("CONFIG_SYNTAX", at(control.index), message, hint);
  return false;
}

/**
 * The concrete syntax tree, which yaml builds without recursion, up to `end`: the text's end, or where the tokens became
 * too many. Undefined where it grows too deep or has too many aliases.
 */
function tokenize(source: Source, report: Report): { tokens: CST.Token[]; end: number } | undefined {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let end = source.text.length;
  let count = 0;
  let aliases = 0;
  let before = "";
  for (const lexeme of new Lexer().lex(source.text)) {
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") count += ERROR_WEIGHT;
    }
    if (lexeme.startsWith("*") && before !== SCALAR_FOLLOWS) aliases++;
    before = lexeme;
    const span = { source, start: Math.max(0, parser.offset - lexeme.length), end: parser.offset };
    if (aliases > MAX_ALIASES) return reportTooManyAliases(span, report);
    if (parser.stack.length > MAX_DEPTH + 4) return reportTooDeep(span, report);
    if (++count <= MAX_TOKENS) continue;
    end = parser.offset;
    break;
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens, end };
}

/** yaml's lexer announces the text of a scalar by this. */
const SCALAR_FOLLOWS = "\u001f";
