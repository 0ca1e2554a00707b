import { checkText } from "./check-text.ts";
import {
  type ComposeFacts,
  type FilesWanted,
  type FileText,
  isComposed,
  NO_COMPOSE_FACTS,
  openComposer,
} from "./compose/compose.ts";
import type { Composer } from "./compose/composer.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { readYamlFile, type YamlFile } from "./document.ts";
import { type FrontResult, formOf, frontOf, NO_CHILDREN } from "./front/front.ts";
import { describeNode, type Node } from "./node.ts";
import { applyOverrides, type Override } from "./overrides.ts";
import type { Form, Pipeline } from "./pipeline.ts";
import type { Located, ReadContext } from "./shape.ts";
import { Report, type Source } from "./source.ts";
import { Suggester } from "./suggest.ts";
import { MAX_TRIGGER_LEVELS, triggersOf } from "./triggers.ts";

export interface ParseOptions {
  /** Name of the file, for the diagnostics. */
  file: string;
  /** Default: by the file's name. */
  form?: Form;
  overrides?: Override[];
  /** False where jobs run without containers. Default: true. */
  imageRequired?: boolean;
  /** Of jobs without an image. */
  defaultImage?: string;
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
  const form = options.form ?? formOf(options.file);
  const source: Source = {
    file: options.file,
    text: text.startsWith("\ufeff") ? text.slice(1) : text,
    lastKeyCounts: form === "gitlab",
  };
  const context: ReadContext = { report: new Report(), suggester: new Suggester() };
  const read = new Reading(source, form, options, context);
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
  readonly overrides: Source[] = [];
  private composer: Composer | undefined;

  constructor(
    private readonly source: Source,
    private readonly form: Form,
    private readonly options: ParseOptions,
    private readonly context: ReadContext,
  ) {}

  /** The file, then those it includes and starts. */
  get sources(): Source[] {
    return [this.source, ...(this.composer?.sources ?? [])];
  }

  get wanted(): FilesWanted | null {
    return this.composer?.wanted ?? null;
  }

  run(): FrontResult | undefined {
    const { source, options, context, form } = this;
    const file = readYamlFile(source, context.report);
    if (file === undefined || !isMapping(file.root, source, context.report)) return undefined;
    const composed = this.compose(file);
    if (composed === undefined) return undefined;
    const overrides = options.overrides ?? [];
    const document = applyOverrides(composed, overrides, this.overrides, frontOf(form).shape, context);
    if (!checkText(document, [...this.sources, ...this.overrides], context.report)) return undefined;
    return this.read(document, [[options.file.replace(/^\.\//, "")]]);
  }

  /** `files`: of this pipeline, and before them of those that start it. */
  private read(document: Node, files: string[][]): FrontResult | undefined {
    const children = this.children(document, files);
    if (this.wanted !== null) return undefined;
    const { file, imageRequired = true, defaultImage } = this.options;
    const options = {
      file,
      imageRequired: imageRequired && defaultImage === undefined,
      children,
      defaultImage,
    };
    return frontOf(this.form).read(document, options, this.context);
  }

  private compose(file: YamlFile): Node | undefined {
    return isComposed(file, this.form) ? this.opened().compose(file) : file.root;
  }

  private opened(): Composer {
    const { files = new Map<string, FileText>(), facts = NO_COMPOSE_FACTS } = this.options;
    this.composer ??= openComposer({ form: this.form, files, facts }, this.context);
    return this.composer;
  }

  /** The pipelines that jobs start, by the job's name. */
  private children(document: Node, files: string[][]): ReadonlyMap<string, Pipeline> {
    const triggers = document.kind === "map" ? triggersOf(document, this.form) : [];
    if (triggers.length === 0) return NO_CHILDREN;
    const children = new Map<string, Pipeline>();
    for (const { name, trigger, span } of triggers) {
      if (files.length > MAX_TRIGGER_LEVELS) {
        const message = `pipelines that start pipelines more than ${MAX_TRIGGER_LEVELS} levels deep`;
        this.context.report.error("CONFIG_TRIGGER", span, message, "put the jobs into the pipeline above");
        continue;
      }
      const child = this.opened().composeChild(trigger, files.flat());
      const pipeline = child && this.read(child.document, [...files, child.files])?.pipeline;
      if (pipeline !== undefined) children.set(name, pipeline);
    }
    return children;
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
