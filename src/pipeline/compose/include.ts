import { readDocument } from "../document.ts";
import { type Glob, matchesGlob, parseGlob } from "../glob.ts";
import { describeNode, type MapNode, type Node } from "../node.ts";
import type { Variable } from "../pipeline.ts";
import type { ReadContext } from "../shape.ts";
import type { Source, Span } from "../source.ts";
import type { ComposeOptions, FilesWanted } from "./compose.ts";
import { MAX_INCLUDED_CHARACTERS, MAX_INCLUDES, MAX_LEVELS } from "./limits.ts";
import { mergeMaps } from "./merge-nodes.ts";

/** Ways to include that need another project or a network, or the result of a job. */
const ELSEWHERE = ["project", "remote", "template", "component", "artifact"];
const UNSUPPORTED = ["rules", "inputs"];

/** What documents include, file by file of the tree; reports every problem of an include where it is written. */
export class Includer {
  /** In the order of their first use. */
  readonly sources: Source[] = [];
  private readonly missing = new Set<string>();
  private needsPaths = false;
  private readonly roots = new Map<string, Node | undefined>();
  private count = 0;
  private characters = 0;
  private isOver = false;

  constructor(
    private readonly options: ComposeOptions,
    private readonly context: ReadContext,
  ) {}

  get wanted(): FilesWanted | null {
    if (this.missing.size === 0 && !this.needsPaths) return null;
    return { paths: [...this.missing], globs: this.needsPaths };
  }

  /** What the document includes, in its order, and itself over it. `files`: those that led to it, itself last. */
  include(document: MapNode, files: string[]): MapNode {
    const entry = document.entries.get("include");
    if (entry === undefined) return document;
    const entries = new Map(document.entries);
    entries.delete("include");
    let below: MapNode = { kind: "map", span: document.span, entries: new Map() };
    for (const { path, span } of this.paths(entry.value)) {
      const included = this.file(path, span, files);
      if (included !== undefined) below = mergeMaps(below, included, "replace");
    }
    return mergeMaps(below, { ...document, entries }, "replace");
  }

  private file(path: string, span: Span, files: string[]): MapNode | undefined {
    if (files.includes(path)) {
      const circle = [...files.slice(files.indexOf(path)), path].join(" → ");
      return this.refuse(span, `files include each other in a circle: ${circle}`);
    }
    if (this.isOver) return undefined;
    if (++this.count > MAX_INCLUDES) return this.stop(span, `more than ${MAX_INCLUDES} included files`);
    if (files.length > MAX_LEVELS) return this.stop(span, `includes nested deeper than ${MAX_LEVELS} levels`);
    const root = this.read(path, span);
    if (root === undefined || root.kind === "broken") return undefined;
    if (root.kind === "map") return this.include(root, [...files, path]);
    return this.refuse(span, `${path} holds ${describeNode(root)}, not a mapping`);
  }

  private read(path: string, span: Span): Node | undefined {
    if (this.roots.has(path)) return this.roots.get(path);
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
    const source: Source = { file: path, text };
    this.sources.push(source);
    const root = readDocument(source, this.context.report);
    this.roots.set(path, root);
    return root;
  }

  /** Of `include`: a path, a mapping, or a list of them. Patterns are replaced by what they match, sorted. */
  private paths(value: Node): { path: string; span: Span }[] {
    const items = value.kind === "list" ? value.items : [value];
    return items.flatMap((item) => {
      const found = this.local(item);
      if (found === undefined) return [];
      const path = this.fromTop(found.text, found.span);
      if (path === undefined) return [];
      return path.includes("*") ? this.matching(path, found.span) : [{ path, span: found.span }];
    });
  }

  private local(item: Node): { text: string; span: Span } | undefined {
    if (item.kind === "broken") return undefined;
    if (item.kind === "scalar" && typeof item.value === "string") {
      if (!/^[a-z]+:\/\//i.test(item.value)) return { text: item.value, span: item.span };
      return this.refuseRemote("remote", item.span);
    }
    if (item.kind !== "map") {
      const message = `expected a path or a mapping with local, found ${describeNode(item)}`;
      return this.context.report.error("CONFIG_WRONG_TYPE", item.span, message, "write include: ci/jobs.yml");
    }
    return this.localOf(item);
  }

  private localOf({ entries, span }: MapNode): { text: string; span: Span } | undefined {
    const { report, suggester } = this.context;
    let isFine = true;
    for (const [key, { keySpan }] of entries) {
      if (key === "local") continue;
      isFine = false;
      if (ELSEWHERE.includes(key)) return this.refuseRemote(key, keySpan);
      if (UNSUPPORTED.includes(key))
        report.error("CONFIG_NOT_SUPPORTED", keySpan, `include:${key} is not supported yet`);
      else if (key !== "file" && key !== "ref")
        report.error(
          "CONFIG_UNKNOWN_KEY",
          keySpan,
          `unknown key "${key.slice(0, 80)}"`,
          suggester.hint(key, ["local"]) ?? "known keys: local",
        );
    }
    const local = entries.get("local")?.value;
    if (local?.kind === "scalar" && typeof local.value === "string")
      return isFine ? { text: local.value, span: local.span } : undefined;
    if (local?.kind !== "broken" && isFine)
      report.error("CONFIG_WRONG_TYPE", local?.span ?? span, 'expected "local" with the path of a file');
    return undefined;
  }

  private refuseRemote(how: string, span: Span): undefined {
    const message = `include:${how} needs what is not in the repository`;
    const hint = "copy the file into the repository and use include:local";
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

  private expand(text: string): string {
    const { predefined, run } = this.options.facts;
    return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
      const name = (braced ?? bare)!;
      const given: Variable | undefined = Object.hasOwn(run, name) ? run[name] : undefined;
      if (given !== undefined) return typeof given === "string" ? given : given.value;
      return Object.hasOwn(predefined, name) ? predefined[name]! : whole;
    });
  }

  private matching(pattern: string, span: Span): { path: string; span: Span }[] {
    const { files } = this.options.facts;
    if (files === null) {
      this.needsPaths = true;
      return [];
    }
    const { glob } = parseGlob(pattern.replace(/[?+[\]\\]/g, "\\$&")) as { glob: Glob };
    const found = files.filter((path) => /\.ya?ml$/.test(path) && matchesGlob(glob, path));
    if (found.length === 0) this.refuse(span, `the pattern ${pattern} matches no file`);
    return found.map((path) => ({ path, span }));
  }

  private refuse(span: Span, message: string, hint?: string): undefined {
    return this.context.report.error("CONFIG_INCLUDE", span, message, hint);
  }

  private stop(span: Span, message: string): undefined {
    this.isOver = true;
    return this.context.report.error("CONFIG_INCLUDE_LIMIT", span, message, "put more into one file");
  }
}
