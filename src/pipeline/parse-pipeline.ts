import { checkText } from "./check-text.ts";
import { type ComposeFacts, compose, type FilesWanted, type FileText } from "./compose/compose.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { readDocument } from "./document.ts";
import { NO_FACTS } from "./facts.ts";
import { type FrontResult, formOf, frontOf } from "./front/front.ts";
import { describeNode, type Node } from "./node.ts";
import { applyOverrides, type Override } from "./overrides.ts";
import type { Form, Pipeline } from "./pipeline.ts";
import type { Located, ReadContext } from "./shape.ts";
import { Report, type Source } from "./source.ts";
import { Suggester } from "./suggest.ts";

export interface ParseOptions {
  /** Name of the file, for the diagnostics. */
  file: string;
  /** Default: by the file's name. */
  form?: Form;
  overrides?: Override[];
  /** False where jobs run without containers. Default: true. */
  imageRequired?: boolean;
  /** What earlier rounds wanted, by path from the top of the tree. */
  files?: ReadonlyMap<string, FileText>;
  /** For the rules of includes. */
  facts?: ComposeFacts;
}

export interface ParseResult {
  /** Undefined exactly when a diagnostic is an error or something is wanted. */
  pipeline: Pipeline | undefined;
  /** The pipeline's name and where it stands, in a broken file too; undefined where it has no valid one. */
  name: Located<string> | undefined;
  /** By position: the file's first, then those of included files, those of overrides last. */
  diagnostics: Diagnostic[];
  /** Of the file and of those it includes, without byte order marks: what diagnostics point into. */
  texts: { file: string; text: string }[];
  /** Not null: the result is preliminary; fetch these and parse again. */
  wanted: FilesWanted | null;
}

/**
 * Reads a pipeline file and reports every problem in it at once. Never throws, whatever the text. A byte order mark is passed
 * over and does not count as a column.
 */
export function parsePipeline(text: string, options: ParseOptions): ParseResult {
  const source: Source = { file: options.file, text: text.startsWith("\ufeff") ? text.slice(1) : text };
  const context: ReadContext = { report: new Report(), suggester: new Suggester() };
  const read = new Reading(source, options, context);
  const { name, pipeline } = read.run() ?? { name: undefined, pipeline: undefined };
  const isValid = read.wanted === null && !context.report.hasErrors;
  return {
    pipeline: isValid ? pipeline : undefined,
    name,
    diagnostics: context.report.sorted([...read.sources, ...read.overrides]),
    texts: read.sources.map(({ file, text }) => ({ file, text })),
    wanted: read.wanted,
  };
}

class Reading {
  /** The file, then those it includes. */
  readonly sources: Source[];
  readonly overrides: Source[] = [];
  wanted: FilesWanted | null = null;

  constructor(
    private readonly source: Source,
    private readonly options: ParseOptions,
    private readonly context: ReadContext,
  ) {
    this.sources = [source];
  }

  run(): FrontResult | undefined {
    const { source, options, context } = this;
    const { file, form = formOf(file), imageRequired = true } = options;
    const root = readDocument(source, context.report);
    if (root === undefined || !isMapping(root, source, context.report)) return undefined;
    const composed = this.compose(root, form);
    if (composed === undefined) return undefined;
    const front = frontOf(form);
    const overrides = options.overrides ?? [];
    const document = applyOverrides(composed, overrides, this.overrides, front.shape, context);
    if (!checkText(document, [...this.sources, ...this.overrides], context.report)) return undefined;
    return front.read(document, { file, imageRequired }, context);
  }

  private compose(root: Node, form: Form): Node | undefined {
    const { files = new Map<string, FileText>(), facts = NO_FACTS } = this.options;
    const { node, sources, wanted } = compose(root, { form, files, facts }, this.context);
    this.sources.push(...sources);
    this.wanted = wanted;
    return node;
  }
}

function isMapping(root: Node, source: Source, report: Report): boolean {
  if (root.kind === "map") return true;
  if (root.kind === "broken") return false;
  const empty = root.kind === "scalar" && root.value === null;
  const message = empty ? "the file is empty" : `the file holds ${describeNode(root)}, not a mapping`;
  const span = empty ? { source, start: 0, end: 1 } : root.span;
  report.error(
    "CONFIG_EMPTY",
    span,
    message,
    'begin with "name:" and "jobs:"; "cicd init" writes a file to start from',
  );
  return false;
}
