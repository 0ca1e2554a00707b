import { readDocument } from "./document.ts";
import type { Entry, ListNode, MapNode, Node } from "./node.ts";
import { findKey, parsePath, type Segment } from "./override-path.ts";
import type { ReadContext, Shape } from "./shape.ts";
import { Report, type Source, type Span } from "./source.ts";

/** One `-o path=value`: a dotted path into the pipeline document and a YAML value. */
export interface Override {
  path: string;
  value: string;
}

const FILE_PREFIX = "-o ";

/** Splits `path=value` at the first `=` outside quotes; undefined where there is none, or no valid path before it. */
export function parseOverride(argument: string): Override | undefined {
  const match = /^((?:"[^"]*"|[^"=])+)=(.*)$/s.exec(argument);
  if (match === null) return undefined;
  const [, path = "", value = ""] = match;
  return parsePath(path) === undefined ? undefined : { path, value };
}

/** The text that a diagnostic of an override points into; undefined for other diagnostics. */
export function overrideText(file: string): string | undefined {
  return file.startsWith(FILE_PREFIX) ? file.slice(FILE_PREFIX.length) : undefined;
}

/**
 * The document, of the given shape, with every override put in, in order. Adds the source of each to `sources`. A path that leads nowhere is
 * CONFIG_UNKNOWN_OVERRIDE and changes nothing.
 */
export function applyOverrides(
  root: Node,
  overrides: Override[],
  sources: Source[],
  shape: Shape<unknown>,
  context: ReadContext,
): Node {
  let document = root;
  for (const { path, value } of overrides) {
    const text = `${path}=${value}`;
    const source: Source = { file: FILE_PREFIX + text, text };
    sources.push(source);
    const node = readValue(source, path.length + 1, context.report);
    const segments = parsePath(path);
    if (segments === undefined)
      unknown(source, 0, path.length, "this is no path", "write it like default.image", context);
    else if (node !== undefined)
      document = new Setter(source, segments, node, context).set(document, shape, 0) ?? document;
  }
  return document;
}

/** Reads the value after `path=` with its positions in the whole argument: the path is blanked out for YAML. */
function readValue(source: Source, start: number, report: Report): Node | undefined {
  const own = new Report();
  const value: Source = { file: source.file, text: source.text.slice(start) };
  const node = readDocument(value, own);
  own.moveTo(report, source, start);
  return node === undefined ? undefined : shift(node, source, start);
}

function shift(node: Node, source: Source, by: number): Node {
  const move = (span: Span): Span => ({
    source,
    start: span.start + by,
    end: Math.max(span.end, span.start + 1) + by,
  });
  const span = move(node.span);
  if (node.kind === "list")
    return { ...node, span, items: node.items.map((item) => shift(item, source, by)) };
  if (node.kind === "reference")
    return { ...node, span, path: node.path.map((part) => ({ ...part, span: move(part.span) })) };
  if (node.kind !== "map") return { ...node, span };
  const entries = new Map<string, Entry>();
  for (const [key, entry] of node.entries) {
    entries.set(key, { keySpan: move(entry.keySpan), value: shift(entry.value, source, by) });
  }
  return { kind: "map", span, entries };
}

/** Puts one value in; undefined where the path leads nowhere, which is reported. Mappings on the way are copied, never changed: an aliased one stands in other places too. */
class Setter {
  constructor(
    private readonly source: Source,
    private readonly segments: Segment[],
    private readonly value: Node,
    private readonly context: ReadContext,
  ) {}

  set(node: Node, shape: Shape<unknown>, at: number): Node | undefined {
    if (at === this.segments.length) return this.value;
    const segment = this.segments[at]!;
    if (shape.item !== undefined && node.kind === "list") return this.setItem(node, shape.item, segment, at);
    if (shape.child === undefined) return this.unknown(segment, []);
    const map = this.asMap(node, shape);
    const found = findKey(this.segments, at, map, shape);
    if (found === undefined) return this.unknown(segment, [...(shape.keys ?? map.entries.keys())]);
    const entry = map.entries.get(found.key);
    const keySpan = entry?.keySpan ?? this.spanOf(segment);
    const below = entry?.value ?? { kind: "map", span: keySpan, entries: new Map() };
    const value = this.set(below, shape.child(found.key)!, found.next);
    if (value === undefined) return undefined;
    return { ...map, entries: new Map(map.entries).set(found.key, { keySpan, value }) };
  }

  private setItem(node: ListNode, item: Shape<unknown>, segment: Segment, at: number): Node | undefined {
    const index = /^\d{1,6}$/.test(segment.text) ? Number(segment.text) : -1;
    const old = node.items[index];
    if (old === undefined) return this.unknown(segment, [...node.items.keys()].map(String));
    const value = this.set(old, item, at + 1);
    return value === undefined ? undefined : { ...node, items: node.items.with(index, value) };
  }

  /** A scalar that stands for a mapping (`image: x` for `image: {name: x}`) becomes that mapping; nothing else does. */
  private asMap(node: Node, shape: Shape<unknown>): MapNode {
    if (node.kind === "map") return node;
    const entries = new Map<string, Entry>();
    if (shape.shorthand !== undefined && node.kind === "scalar" && node.value !== null) {
      entries.set(shape.shorthand, { keySpan: node.span, value: node });
    }
    return { kind: "map", span: node.span, entries };
  }

  private unknown(segment: Segment, names: string[]): undefined {
    const few = `${names.slice(0, 12).join(", ")}${names.length > 12 ? ", ..." : ""}`;
    const others = names.length === 0 ? "the path goes too deep" : `known here: ${few}`;
    const hint = this.context.suggester.hint(segment.text, names) ?? others;
    unknown(this.source, segment.start, segment.end, `the path has no "${segment.text}"`, hint, this.context);
  }

  private spanOf(segment: Segment): Span {
    return { source: this.source, start: segment.start, end: segment.end };
  }
}

function unknown(
  source: Source,
  start: number,
  end: number,
  message: string,
  hint: string,
  { report }: ReadContext,
): void {
  report.error("CONFIG_UNKNOWN_OVERRIDE", { source, start, end: Math.max(end, start + 1) }, message, hint);
}
