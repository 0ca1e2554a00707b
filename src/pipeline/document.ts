import { Composer, type CST, Lexer, Parser, type Document as YamlDocument } from "yaml";
import { convertYaml, MAX_DEPTH } from "./convert-yaml.ts";
import type { Node } from "./node.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import type { Report, Source } from "./source.ts";
import { reportSyntaxErrors } from "./syntax-errors.ts";

export const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads the one YAML document of a source. Undefined where the text is no YAML or exceeds a limit; then every problem
 * found has been reported.
 */
export function readDocument(source: Source, report: Report): Node | undefined {
  if (!isReadableText(source, report)) return undefined;
  return readPlainYaml(source) ?? readYaml(source, report);
}

/** The same by the full parser: what `readPlainYaml` leaves. */
export function readYaml(source: Source, report: Report): Node | undefined {
  const tokens = tokenize(source, report);
  if (tokens === undefined) return undefined;
  const composer = new Composer({ uniqueKeys: false, version: "1.2", schema: "core", merge: false });
  const documents: YamlDocument.Parsed[] = [];
  for (const document of composer.compose(tokens, true, source.text.length)) {
    documents.push(document as YamlDocument.Parsed);
    if (documents.length === 2) break;
  }
  const [first, second] = documents;
  if (first !== undefined && first.errors.length > 0) {
    reportSyntaxErrors(first, source, report);
    return undefined;
  }
  if (second !== undefined) {
    const start = Math.max(0, second.contents?.range[0] ?? second.range[0]);
    report.error(
      "CONFIG_SYNTAX",
      { source, start, end: start + 1 },
      "a second YAML document begins here",
      'a pipeline file holds one document: remove the "---" or split the file',
    );
    return undefined;
  }
  return convertYaml(first, source, report);
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
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/.exec(text);
  if (control !== null) {
    const span = { source, start: control.index, end: control.index + 1 };
    const name = `U+${control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    if (control[0] === "\0") {
      report.error(
        "CONFIG_SYNTAX",
        span,
        "a NUL byte: this is no text, or not UTF-8",
        "save the file as UTF-8",
      );
    } else {
      report.error(
        "CONFIG_SYNTAX",
        span,
        `the control character ${name}`,
        'remove it, or write it as "\\x.." in double quotes',
      );
    }
    return false;
  }
  const undecodable = text.indexOf("\ufffd");
  if (undecodable >= 0) {
    const span = { source, start: undecodable, end: undecodable + 1 };
    report.warning(
      "CONFIG_SYNTAX",
      span,
      "a character that could not be read (U+FFFD)",
      "save the file as UTF-8",
    );
  }
  return true;
}

/** The concrete syntax tree, which yaml builds without recursion; stops at once where it grows too deep. */
function tokenize(source: Source, report: Report): CST.Token[] | undefined {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(source.text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > MAX_DEPTH + 4) {
      reportTooDeep(source, parser.offset, report);
      return undefined;
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

function reportTooDeep(source: Source, offset: number, report: Report): void {
  const start = Math.max(0, offset - 1);
  const message = `nested deeper than ${MAX_DEPTH} levels`;
  report.error(
    "CONFIG_TOO_DEEP",
    { source, start, end: offset },
    message,
    "no keyword needs that: flatten it",
  );
}
