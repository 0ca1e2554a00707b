import { readYamlFile, type YamlFile } from "../document.ts";
import { type Glob, matchesGlob, parseGlob } from "../glob.ts";
import { includeRules } from "../keywords/include.ts";
import { describeNode, type Entry, type MapNode, type Node } from "../node.ts";
import type { Variable } from "../pipeline.ts";
import { isScalarOf, type ReadContext, wrongType } from "../shape.ts";
import type { Source, Span } from "../source.ts";
import type { ComposeOptions, FilesWanted } from "./compose.ts";
import { readHeader } from "./document-header.ts";
import { isIncluded, type RuleFacts } from "./include-rules.ts";
import { type GivenInputs, resolveInputs } from "./inputs.ts";
import { interpolate } from "./interpolate.ts";
import { type Budget, MAX_INCLUDED_CHARACTERS, MAX_INCLUDES, MAX_LEVELS } from "./limits.ts";
import { mergeMaps } from "./merge-nodes.ts";

/** Ways to include that need another project or a network, or the result of a job. */
const ELSEWHERE = ["project", "remote", "template", "component", "artifact"];

/** One file that a document includes. `inputs`: the values given to it. */
interface Included {
  path: string;
  span: Span;
  inputs: ReadonlyMap<string, Entry>;
}

/** `files`: those that led to a document, itself last. `ancestors`: files of the pipelines that it is started by. */
export interface IncludeChain {
  files: string[];
  ancestors: string[];
}

const KEYS = ["local", "inputs", "rules"];
const NO_INPUTS: ReadonlyMap<string, Entry> = new Map();

/** What documents include, file by file of the tree; reports every problem of an include where it is written. */
export class Includer {
  /** In the order of their first use. */
  readonly sources: Source[] = [];
  private readonly missing = new Set<string>();
  private readonly missingChanges = new Set<string>();
  private needsPaths = false;
  private needsFacts = false;
  private readonly found = new Map<string, YamlFile | undefined>();
  private count = 0;
  private characters = 0;
  private isOver = false;

  constructor(
    private readonly options: ComposeOptions,
    private readonly budget: Budget,
    private readonly context: ReadContext,
  ) {}

  get wanted(): FilesWanted | null {
    const { missing, missingChanges, needsPaths: globs, needsFacts: facts } = this;
    if (missing.size + missingChanges.size === 0 && !globs && !facts) return null;
    return { paths: [...missing], globs, facts, changed: [...missingChanges] };
  }

  /** The document of the pipeline's own file, whose inputs have their defaults. */
  ownDocument(file: YamlFile): MapNode | undefined {
    const span = file.header?.span ?? file.root.span;
    return this.interpolated(file, { entries: NO_INPUTS, span: { ...span, end: span.start + 4 } });
  }

  /** What the document includes, in its order, and itself over it. */
  include(document: MapNode, chain: IncludeChain): MapNode {
    const entry = document.entries.get("include");
    if (entry === undefined) return document;
    const entries = new Map(document.entries);
    entries.delete("include");
    const { value } = entry;
    const isEmpty = value.kind === "scalar" && value.value === null;
    if (isEmpty && this.options.form === "gitlab") return { ...document, entries };
    const below = this.merged(document.span, this.chosen(entry.value, NO_INPUTS), chain);
    return mergeMaps(below, { ...document, entries }, "replace");
  }

  /** What `trigger:include` names, and its files. Undefined: nothing of it can be read, which was reported. */
  child(trigger: MapNode, ancestors: string[]): { document: MapNode; files: string[] } | undefined {
    const entry = trigger.entries.get("include");
    if (entry === undefined) return undefined;
    const inputs = trigger.entries.get("inputs")?.value;
    const chosen = this.chosen(entry.value, inputs === undefined ? NO_INPUTS : this.inputsOf(inputs));
    if (chosen.length === 0) return undefined;
    const document = this.merged(entry.value.span, chosen, { files: [], ancestors });
    if (document.entries.size === 0) return undefined;
    return { document, files: chosen.map(({ path }) => path) };
  }

  private merged(span: Span, chosen: Included[], chain: IncludeChain): MapNode {
    let merged: MapNode = { kind: "map", span, entries: new Map() };
    for (const included of chosen) {
      const document = this.file(included, chain);
      if (document !== undefined) merged = mergeMaps(merged, document, "replace");
    }
    return merged;
  }

  private file({ path, span, inputs }: Included, { files, ancestors }: IncludeChain): MapNode | undefined {
    if (ancestors.includes(path)) {
      const circle = [...ancestors.slice(ancestors.indexOf(path)), ...files, path].join(" → ");
      const message = `the pipeline would start itself again: ${circle}`;
      const hint = "move what both need into a file that starts nothing";
      return this.context.report.error("CONFIG_TRIGGER", span, message, hint);
    }
    if (files.includes(path)) {
      const circle = [...files.slice(files.indexOf(path)), path].join(" → ");
      return this.refuse(span, `files include each other in a circle: ${circle}`);
    }
    if (this.isOver) return undefined;
    if (++this.count > MAX_INCLUDES) return this.stop(span, `more than ${MAX_INCLUDES} included files`);
    if (files.length > MAX_LEVELS) return this.stop(span, `includes nested deeper than ${MAX_LEVELS} levels`);
    const file = this.read(path, span);
    if (file === undefined || file.root.kind === "broken") return undefined;
    if (file.root.kind !== "map")
      return this.refuse(span, `${path} holds ${describeNode(file.root)}, not a mapping`);
    const document = this.interpolated(file, { entries: inputs, span });
    return document && this.include(document, { files: [...files, path], ancestors });
  }

  private interpolated({ header, root }: YamlFile, given: GivenInputs): MapNode | undefined {
    const { context, budget } = this;
    const spec = root.kind === "map" ? root.entries.get("spec") : undefined;
    if (spec !== undefined) {
      const hint = "put it above the pipeline and a line of --- below it";
      return context.report.error(
        "CONFIG_INPUT",
        spec.keySpan,
        '"spec" stands in a document of its own',
        hint,
      );
    }
    const declared = header === undefined ? new Map() : readHeader(header, context);
    const inputs = declared && resolveInputs(declared, given, context);
    if (inputs === undefined) return undefined;
    const variable = (name: string) => this.variable(name);
    return interpolate(root, { inputs, variable, budget }, context) as MapNode;
  }

  private read(path: string, span: Span): YamlFile | undefined {
    if (this.found.has(path)) return this.found.get(path);
    const found = this.options.files.get(path);
    if (found === undefined) {
      this.missing.add(path);
      return undefined;
    }
    if ("problem" in found) return this.refuse(span, `${path} cannot be included: ${found.problem}`);
    this.characters += found.text.length;
    if (this.characters > MAX_INCLUDED_CHARACTERS)
      return this.stop(span, `the included files have more than ${MAX_INCLUDED_CHARACTERS} characters`);
    const text = found.text.startsWith("\ufeff") ? found.text.slice(1) : found.text;
    const source: Source = { file: path, text, lastKeyCounts: this.options.form === "gitlab" };
    this.sources.push(source);
    const file = readYamlFile(source, this.context.report);
    this.found.set(path, file);
    return file;
  }

  /** Of `include`: a path, a mapping, or a list of them. Patterns are replaced by what they match, sorted. */
  private chosen(value: Node, inputs: ReadonlyMap<string, Entry>): Included[] {
    const items = value.kind === "list" ? value.items : [value];
    return items.flatMap((item) => {
      const found = this.local(item);
      if (found === undefined) return [];
      const path = this.fromTop(found.text, found.span);
      if (path === undefined) return [];
      const { span } = found;
      const given = new Map([...inputs, ...found.inputs]);
      const paths = path.includes("*") ? this.matching(path, span) : [path];
      return paths.map((one) => ({ path: one, span, inputs: given }));
    });
  }

  private local(item: Node): { text: string; span: Span; inputs: ReadonlyMap<string, Entry> } | undefined {
    if (item.kind === "broken") return undefined;
    if (item.kind === "scalar" && typeof item.value === "string") {
      if (/^[a-z]+:\/\//i.test(item.value)) return this.refuseRemote("remote", item.span);
      return { text: item.value, span: item.span, inputs: NO_INPUTS };
    }
    if (item.kind !== "map") {
      const message = `expected a path or a mapping with local, found ${describeNode(item)}`;
      return this.context.report.error("CONFIG_WRONG_TYPE", item.span, message, "write include: ci/jobs.yml");
    }
    return this.localOf(item);
  }

  private localOf({ entries, span }: MapNode) {
    const { report, suggester } = this.context;
    let isFine = true;
    for (const [key, { keySpan }] of entries) {
      if (KEYS.includes(key)) continue;
      isFine = false;
      if (ELSEWHERE.includes(key)) return this.refuseRemote(key, keySpan);
      if (key !== "file" && key !== "ref") {
        const hint = suggester.hint(key, KEYS) ?? `known keys: ${KEYS.join(", ")}`;
        report.error("CONFIG_UNKNOWN_KEY", keySpan, `unknown key "${key.slice(0, 80)}"`, hint);
      }
    }
    const local = entries.get("local")?.value;
    if (local === undefined || !isScalarOf(local, "string")) {
      if (local?.kind !== "broken" && isFine)
        report.error("CONFIG_WRONG_TYPE", local?.span ?? span, 'expected "local" with the path of a file');
      return undefined;
    }
    if (!isFine || !this.isWanted(entries.get("rules")?.value)) return undefined;
    const inputs = entries.get("inputs")?.value;
    return { text: local.value, span: local.span, inputs: inputs ? this.inputsOf(inputs) : NO_INPUTS };
  }

  private isWanted(rules: Node | undefined): boolean {
    if (rules === undefined) return true;
    const read = includeRules.read(rules, this.context);
    return read !== undefined && isIncluded(read, this.ruleFacts);
  }

  private inputsOf(node: Node): ReadonlyMap<string, Entry> {
    if (node.kind === "map") return node.entries;
    wrongType(node, "a mapping of inputs", this.context, "write inputs: { NAME: VALUE }");
    return NO_INPUTS;
  }

  private refuseRemote(how: string, span: Span): undefined {
    const message = `include:${how} needs what is not in the repository`;
    const hint =
      how === "artifact"
        ? "what a run starts is known before it begins: write the file into the repository and use include:local"
        : "copy the file into the repository and use include:local";
    return this.context.report.error("CONFIG_INCLUDE_REMOTE", span, message, hint);
  }

  /** The path from the top of the tree, known variables put in. */
  private fromTop(written: string, span: Span): string | undefined {
    const path = this.expand(written).replace(/^(?:\.?\/+)+/, "");
    if (path.split("/").includes("..")) return this.refuse(span, `${path} leads out of the repository`);
    if (/\.ya?ml$/.test(path)) return path;
    return this.refuse(
      span,
      `"${path.slice(0, 120)}" is no YAML file`,
      "name a file that ends in .yml or .yaml",
    );
  }

  /** Only variables that are set are replaced. */
  private expand(text: string): string {
    return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
      return this.variable((braced ?? bare)!) ?? whole;
    });
  }

  private variable(name: string): string | undefined {
    const { predefined, run } = this.options.facts;
    if (predefined === null) this.needsFacts = true;
    const given: Variable | undefined = Object.hasOwn(run, name) ? run[name] : undefined;
    if (given !== undefined) return typeof given === "string" ? given : given.value;
    return predefined !== null && Object.hasOwn(predefined, name) ? predefined[name]! : undefined;
  }

  private get ruleFacts(): RuleFacts {
    return {
      variable: (name) => this.variable(name),
      expand: (text) => this.expand(text),
      files: () => this.paths(),
      changed: (base) => {
        const { changed } = this.options.facts;
        if (!Object.hasOwn(changed, base)) this.missingChanges.add(base);
        return changed[base];
      },
    };
  }

  private paths(): readonly string[] | undefined {
    const { files } = this.options.facts;
    if (files === null) this.needsPaths = true;
    return files ?? undefined;
  }

  private matching(pattern: string, span: Span): string[] {
    const files = this.paths();
    if (files === undefined) return [];
    const { glob } = parseGlob(pattern.replace(/[?+[\]\\]/g, "\\$&")) as { glob: Glob };
    const found = files.filter((path) => /\.ya?ml$/.test(path) && matchesGlob(glob, path));
    if (found.length === 0) this.refuse(span, `the pattern ${pattern} matches no file`);
    return found;
  }

  private refuse(span: Span, message: string, hint?: string): undefined {
    return this.context.report.error("CONFIG_INCLUDE", span, message, hint);
  }

  private stop(span: Span, message: string): undefined {
    this.isOver = true;
    return this.context.report.error("CONFIG_INCLUDE_LIMIT", span, message, "put more into one file");
  }
}
