import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
  type Document as YamlDocument,
  type Node as YamlNode,
} from "yaml";
import {
  isForbiddenKey,
  laterCounts,
  MAX_ALIASED_NODES,
  MAX_DEPTH,
  reportTooDeep,
} from "./document-rules.ts";
import { describeNode, type MapNode, type Node } from "./node.ts";
import type { Report, Source, Span } from "./source.ts";

const CORE_TAGS = new Set(["tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"]);

/** yaml's document as nodes; undefined when a limit of SECURITY (depth, aliases) is exceeded, which is reported. */
export function convertYaml(
  document: YamlDocument.Parsed | undefined,
  source: Source,
  report: Report,
): Node | undefined {
  const converter = new Converter(source, report);
  if (document?.contents == null) return converter.emptyNode();
  const node = converter.convert(document.contents, 1);
  return converter.overLimit ? undefined : node;
}

class Converter {
  overLimit = false;
  private aliasedNodes = 0;
  private readonly anchors = new Map<string, Node>();
  /** Of anchored nodes and what is above them: nodes and levels with aliases written out. */
  private readonly extents = new Map<Node, { nodes: number; depth: number }>();

  constructor(
    private readonly source: Source,
    private readonly report: Report,
  ) {}

  emptyNode(): Node {
    return { kind: "scalar", span: this.span(0, 0), value: null, written: "" };
  }

  convert(yaml: YamlNode | null | undefined, depth: number): Node {
    if (yaml == null) return this.emptyNode();
    const span = this.spanOf(yaml);
    if (this.overLimit) return { kind: "broken", span };
    if (depth > MAX_DEPTH) return this.tooDeep(span);
    if (isAlias(yaml)) return this.alias(yaml.source, span, depth);
    const node = this.convertOwn(yaml, span, depth);
    const anchor = (yaml as { anchor?: string }).anchor;
    if (anchor !== undefined) {
      this.anchors.set(anchor, node);
      this.extents.set(node, this.measure(node));
    }
    return node;
  }

  private convertOwn(yaml: YamlNode, span: Span, depth: number): Node {
    const tag = (yaml as { tag?: string }).tag;
    if (tag === "!reference" && isSeq(yaml)) return this.reference(yaml, span);
    if (tag !== undefined && !CORE_TAGS.has(tag)) {
      this.report.error(
        "CONFIG_SYNTAX",
        span,
        `the tag ${tag.slice(0, 80)} is not supported`,
        'remove it; a text that begins with "!" must be quoted',
      );
      return { kind: "broken", span };
    }
    if (isMap(yaml)) return this.map(yaml, span, depth);
    if (isSeq(yaml)) {
      return {
        kind: "list",
        span,
        items: yaml.items.map((item) => this.convert(item as YamlNode, depth + 1)),
      };
    }
    return isScalar(yaml) ? this.scalar(yaml, span) : { kind: "broken", span };
  }

  private reference(yaml: YAMLSeq, span: Span): Node {
    const path: { text: string; span: Span }[] = [];
    for (const item of yaml.items) {
      const node = this.convert(item as YamlNode, 1);
      if (node.kind === "scalar" && node.value !== null) {
        path.push({ text: typeof node.value === "string" ? node.value : node.written, span: node.span });
      } else if (node.kind !== "broken") {
        const hint = "write it like !reference [.setup, script]";
        this.report.error("CONFIG_REFERENCE", node.span, `${describeNode(node)} is no part of a path`, hint);
      }
    }
    const isWhole = path.length > 0 && path.length === yaml.items.length;
    if (isWhole) return { kind: "reference", span, path };
    if (yaml.items.length === 0)
      this.report.error(
        "CONFIG_REFERENCE",
        span,
        "the !reference names nothing",
        "name a job and a key of it",
      );
    return { kind: "broken", span };
  }

  private scalar(yaml: Scalar, span: Span): Node {
    const { value } = yaml;
    const written = yaml.source ?? "";
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", span, value, written };
    }
    return { kind: "scalar", span, value: value === null ? null : written, written };
  }

  private map(yaml: YAMLMap, span: Span, depth: number): MapNode {
    const map: MapNode = { kind: "map", span, entries: new Map() };
    const merges: { node: Node; span: Span }[] = [];
    for (const pair of yaml.items as Pair<YamlNode, YamlNode | null>[]) {
      const keySpan = this.spanOf(pair.key);
      const key = this.key(pair.key, keySpan);
      const value = this.isNothing(pair.value) ? nothing(keySpan) : this.convert(pair.value, depth + 1);
      if (key === undefined) continue;
      const earlier = map.entries.get(key);
      if (key === "<<" && isScalar(pair.key) && pair.key.type === "PLAIN")
        merges.push({ node: value, span: keySpan });
      else if (earlier === undefined || laterCounts(key, keySpan, earlier, this.report))
        map.entries.set(key, { keySpan, value });
    }
    for (const merge of merges) this.merge(map, merge.node, merge.span);
    return map;
  }

  private key(yaml: YamlNode | null, span: Span): string | undefined {
    const scalar = isAlias(yaml) ? this.alias(yaml.source, span, 1) : undefined;
    const value = isScalar(yaml) ? yaml.value : scalar?.kind === "scalar" ? scalar.value : undefined;
    const written = isScalar(yaml) ? (yaml.source ?? "") : "";
    if (scalar?.kind === "broken") return undefined;
    if (value === undefined || value === null) {
      return this.report.error("CONFIG_WRONG_TYPE", span, "a key must be a text", 'write "name: value"');
    }
    const key = typeof value === "string" ? value : written || String(value);
    if (isForbiddenKey(key, span, this.report)) return undefined;
    return key;
  }

  /** `<<: *a` or `<<: [*a, *b]`: adds what the mapping itself and earlier merges lack. */
  private merge(into: MapNode, from: Node, span: Span): void {
    for (const node of from.kind === "list" ? from.items : [from]) {
      if (node.kind === "map") {
        for (const [key, entry] of node.entries) if (!into.entries.has(key)) into.entries.set(key, entry);
        this.countAliased(node.entries.size, span);
      } else if (node.kind !== "broken") {
        this.report.error("CONFIG_WRONG_TYPE", span, '"<<" merges mappings only', 'write "<<: *anchor"');
      }
    }
  }

  private alias(name: string, span: Span, depth: number): Node {
    const node = this.anchors.get(name);
    if (node === undefined) {
      this.report.error(
        "CONFIG_SYNTAX",
        span,
        `there is no anchor "&${name}" above`,
        'a text that begins with "*" must be quoted',
      );
      return { kind: "broken", span };
    }
    const extent = this.extents.get(node)!;
    if (depth + extent.depth - 1 > MAX_DEPTH) return this.tooDeep(span);
    this.countAliased(extent.nodes, span);
    return node;
  }

  private countAliased(nodes: number, span: Span): void {
    this.aliasedNodes += nodes;
    if (this.aliasedNodes <= MAX_ALIASED_NODES) return;
    this.stop(() =>
      this.report.error(
        "CONFIG_TOO_MANY_ALIASES",
        span,
        `aliases expand to more than ${MAX_ALIASED_NODES} values`,
        "write out less, or use fewer aliases of aliases",
      ),
    );
  }

  /** Counts a node as if its aliases were written out; anchored nodes inside are counted already. */
  private measure(node: Node): { nodes: number; depth: number } {
    const known = this.extents.get(node);
    if (known !== undefined) return known;
    let nodes = 1;
    let depth = 0;
    const children =
      node.kind === "list"
        ? node.items
        : node.kind === "map"
          ? [...node.entries.values()].map((entry) => entry.value)
          : [];
    for (const child of children) {
      const extent = this.measure(child);
      nodes += extent.nodes;
      depth = Math.max(depth, extent.depth);
    }
    return { nodes, depth: depth + 1 };
  }

  private tooDeep(span: Span): Node {
    this.stop(() => reportTooDeep(span, this.report));
    return { kind: "broken", span };
  }

  private stop(tell: () => void): void {
    if (!this.overLimit) tell();
    this.overLimit = true;
  }

  /** `key:` without a value, a tag or an anchor. */
  private isNothing(yaml: YamlNode | null): boolean {
    if (yaml == null) return true;
    return (
      isScalar(yaml) &&
      yaml.value === null &&
      yaml.range?.[0] === yaml.range?.[1] &&
      yaml.anchor === undefined
    );
  }

  private spanOf(yaml: YamlNode | null | undefined): Span {
    const range = yaml?.range;
    return range == null ? this.span(0, 0) : this.span(range[0], range[1]);
  }

  private span(start: number, end: number): Span {
    return { source: this.source, start, end };
  }
}

/** Stands for the value of `key:`; points at the key. */
function nothing(keySpan: Span): Node {
  return { kind: "scalar", span: keySpan, value: null, written: "" };
}
