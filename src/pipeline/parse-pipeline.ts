import { buildPipeline } from "./build-pipeline.ts";
import { checkJobs } from "./check-jobs.ts";
import { checkText } from "./check-text.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { readDocument } from "./document.ts";
import { PIPELINE, type PipelineValue } from "./keywords.ts";
import { describeNode, type Node } from "./node.ts";
import { applyOverrides, type Override } from "./overrides.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Located, ReadContext } from "./shape.ts";
import { Report, type Source } from "./source.ts";
import { Suggester } from "./suggest.ts";

export interface ParseOptions {
  /** Name of the file, for the diagnostics. */
  file: string;
  overrides?: Override[];
  /** False where jobs run without containers. Default: true. */
  imageRequired?: boolean;
}

export interface ParseResult {
  /** Undefined exactly when a diagnostic is an error. */
  pipeline: Pipeline | undefined;
  /** The pipeline's name and where it stands, in a broken file too; undefined where it has no valid one. */
  name: Located<string> | undefined;
  /** By position; those of overrides last. */
  diagnostics: Diagnostic[];
}

/**
 * Reads a pipeline file in the native form and reports every problem in it at once. Never throws, whatever the text. A
 * byte order mark is passed over and does not count as a column.
 */
export function parsePipeline(text: string, options: ParseOptions): ParseResult {
  const source: Source = { file: options.file, text: text.startsWith("\ufeff") ? text.slice(1) : text };
  const context: ReadContext = { report: new Report(), suggester: new Suggester() };
  const sources = [source];
  const value = read(source, sources, options, context);
  const diagnostics = context.report.sorted(sources);
  const isValid = value !== undefined && !context.report.hasErrors;
  return { pipeline: isValid ? buildPipeline(value) : undefined, name: value?.values.name, diagnostics };
}

function read(
  source: Source,
  sources: Source[],
  options: ParseOptions,
  context: ReadContext,
): PipelineValue | undefined {
  const { report } = context;
  const root = readDocument(source, report);
  if (root === undefined || !isMapping(root, source, report)) return undefined;
  const document = applyOverrides(root, options.overrides ?? [], sources, context);
  if (!checkText(document, sources, report)) return undefined;
  const value = PIPELINE.read(document, context);
  if (value !== undefined) checkJobs(value, options.imageRequired ?? true, context);
  return value;
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
