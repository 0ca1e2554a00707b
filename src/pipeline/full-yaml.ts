import { Composer, type CST, isMap, Lexer, Parser, type Document as YamlDocument } from "yaml";
import { convertYaml } from "./convert-yaml.ts";
import type { YamlFile } from "./document.ts";
import { MAX_ALIASES, MAX_DEPTH, reportTooDeep, reportTooManyAliases } from "./document-rules.ts";
import type { Report, Source } from "./source.ts";
import { reportSyntaxErrors } from "./syntax-errors.ts";

/** What the full parser reads in about half a second. */
export const MAX_TOKENS = 75_000;
/** What an unexpected token counts: each makes the parser build an error. */
const ERROR_WEIGHT = 100;

/**
 * Reads what `readPlainYaml` leaves, by the full parser. Undefined where the text is no YAML or exceeds a limit; then every
 * problem found has been reported. Where the tokens became too many, errors of the line that was cut are no errors.
 */
export function readYaml(source: Source, report: Report): YamlFile | undefined {
  const stream = tokenize(source, report);
  if (stream === undefined) return undefined;
  const { tokens, end } = stream;
  const composer = new Composer({ uniqueKeys: false, version: "1.2", schema: "core", merge: false });
  const documents: YamlDocument.Parsed[] = [];
  for (const document of composer.compose(tokens, true, end)) {
    documents.push(document as YamlDocument.Parsed);
    if (documents.length === 3) break;
  }
  const header = documents.length > 1 && declaresInputs(documents[0]!) ? documents.shift() : undefined;
  const [first, second] = documents;
  const cut = end < source.text.length;
  const reliable = cut
    ? Math.max(0, source.text.lastIndexOf("\n", end - 1)) || end
    : Number.POSITIVE_INFINITY;
  const broken = [header, first].find((document) => errorsOf(document, reliable).length > 0);
  if (broken !== undefined) reportSyntaxErrors(errorsOf(broken, reliable), broken, source, report);
  else if (second !== undefined) reportSecondDocument(second, source, report);
  else if (cut) reportTooManyTokens(source, end, report);
  else return convertFile(header, first, source, report);
}

function errorsOf(document: YamlDocument.Parsed | undefined, reliable: number) {
  return document?.errors.filter(({ pos }) => pos[0] < reliable) ?? [];
}

function convertFile(
  header: YamlDocument.Parsed | undefined,
  first: YamlDocument.Parsed | undefined,
  source: Source,
  report: Report,
): YamlFile | undefined {
  const above = header === undefined ? undefined : convertYaml(header, source, report);
  const root = convertYaml(first, source, report);
  if (root === undefined || (header !== undefined && above === undefined)) return undefined;
  return { header: above, root };
}

/** As the files do that are included with values for their inputs. */
function declaresInputs({ contents }: YamlDocument.Parsed): boolean {
  return isMap(contents) && contents.has("spec");
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
