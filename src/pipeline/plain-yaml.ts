import { isForbiddenKey, laterCounts, MAX_DEPTH } from "./document-rules.ts";
import type { Entry, ListNode, MapNode, Node, ScalarNode } from "./node.ts";
import {
  beginsPlain,
  COLON,
  DASH,
  DOUBLE_QUOTE,
  giveUp,
  HASH,
  NEWLINE,
  NOT_PLAIN,
  quotedEnd,
  resolvePlain,
  SINGLE_QUOTE,
  SPACE,
  TAB,
  unquote,
} from "./plain-scalar.ts";
import { Report, type Source, type Span } from "./source.ts";

/**
 * Reads the part of YAML that most pipeline files keep to: block mappings and lists, one-line flow collections and
 * scalars, `|` texts, comments. Ten times faster than the full parser. Undefined for everything else and for every
 * mistake of syntax: then the full parser reads the text and reports. What it returns and reports (forbidden and
 * duplicate keys) equals what the full parser would.
 */
export function readPlainYaml(source: Source, report: Report): Node | undefined {
  const own = new Report();
  try {
    const node = new PlainReader(source, own).read();
    own.moveTo(report, source, 0);
    return node;
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

/** What a plain scalar inside brackets may consist of. */
const FLOW_PART = /[^,[\]{}\n]*/y;

/** Most lines are of these forms, which one native call finds; whatever is not is looked at character by character. */
const BLANKS = / */y;
const SIMPLE_KEY = /[A-Za-z_.$/][^\n\t#:]*:(?=[ \n])/y;
const SIMPLE_LINE = /[A-Za-z0-9_.$/][^\n\t#:]*\n/y;

/** The end of what `pattern`, a sticky one, finds at `at`; 0 where it does not. */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : 0;
}

class PlainReader {
  private readonly text: string;
  private lineStart = 0;
  /** The first character of what is to be read next. */
  private at = 0;
  /** Its column from 0; -1 at the end of the text. */
  private indent = 0;

  constructor(
    private readonly source: Source,
    private readonly report: Report,
  ) {
    this.text = source.text;
  }

  read(): Node {
    if (/[\r\ufeff]|^(?:---|\.\.\.|%)/m.test(this.text)) giveUp();
    this.nextLine(0);
    if (this.isAtEnd()) return { kind: "scalar", span: this.span(0, 0), value: null, written: "" };
    if (this.indent !== 0) giveUp();
    const node = this.block(0, 1);
    return this.isAtEnd() ? node : giveUp();
  }

  /** Goes to the first line with content at or after `offset`, which begins a line. */
  private nextLine(offset: number): void {
    let start = offset;
    for (;;) {
      const at = start < this.text.length ? endOf(BLANKS, this.text, start) : start;
      const code = this.text.charCodeAt(at);
      if (code === TAB) giveUp();
      this.lineStart = start;
      this.at = at;
      this.indent = at < this.text.length ? at - start : -1;
      if (this.indent === -1 || (code !== NEWLINE && code !== HASH)) return;
      start = this.lineEnd(at) + 1;
    }
  }

  private isAtEnd(): boolean {
    return this.indent === -1;
  }

  private lineEnd(at: number): number {
    const end = this.text.indexOf("\n", at);
    return end < 0 ? this.text.length : end;
  }

  private block(indent: number, depth: number): Node {
    if (depth > MAX_DEPTH) giveUp();
    return this.isDash(this.at) ? this.list(indent, depth) : this.map(indent, depth);
  }

  private isDash(at: number): boolean {
    return this.text.charCodeAt(at) === DASH && this.isBlank(at + 1);
  }

  /** A space, the end of a line, or the end of the text. */
  private isBlank(at: number): boolean {
    const code = this.text.charCodeAt(at);
    return code === SPACE || code === NEWLINE || at >= this.text.length;
  }

  private list(indent: number, depth: number): ListNode {
    const start = this.at;
    const items: Node[] = [];
    while (this.indent === indent && this.isDash(this.at)) {
      const dash = this.at;
      this.at++;
      items.push(this.value(indent, depth, this.span(dash, dash + 1), false));
    }
    if (this.indent > indent) giveUp();
    return { kind: "list", span: this.span(start, items.at(-1)!.span.end), items };
  }

  private map(indent: number, depth: number): MapNode {
    const start = this.at;
    const entries = new Map<string, Entry>();
    let end = start;
    while (this.indent === indent) {
      const colon = this.keyColon(this.at);
      if (colon < 0) giveUp();
      const keySpan = this.keySpan(this.at, colon);
      const key = this.key(keySpan);
      this.at = colon + 1;
      const value = this.value(indent, depth, keySpan, true);
      this.add(entries, key, { keySpan, value });
      end = value.span.end;
    }
    if (this.indent > indent) giveUp();
    return { kind: "map", span: this.span(start, end), entries };
  }

  /** The colon after the key that begins at `at`; -1 where no key does. */
  private keyColon(at: number): number {
    const end = endOf(SIMPLE_KEY, this.text, at);
    if (end > 0) return end - 1;
    const code = this.text.charCodeAt(at);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const closed = quotedEnd(this.text, at);
      return this.text.charCodeAt(closed) === COLON && this.isBlank(closed + 1) ? closed : -1;
    }
    if (!beginsPlain(this.text, at)) return -1;
    const line = this.text.slice(at, this.lineEnd(at));
    let colon = line.indexOf(":");
    while (colon >= 0 && !this.isBlank(at + colon + 1)) colon = line.indexOf(":", colon + 1);
    if (colon < 0) return -1;
    const tab = line.indexOf("\t");
    if (tab >= 0 && tab < colon) giveUp();
    const comment = line.indexOf(" #");
    return comment >= 0 && comment < colon ? -1 : at + colon;
  }

  private keySpan(start: number, colon: number): Span {
    let end = colon;
    while (this.text.charCodeAt(end - 1) === SPACE) end--;
    if (end - start > 1000) giveUp();
    return this.span(start, end);
  }

  private key({ start, end }: Span): string {
    const written = this.text.slice(start, end);
    const code = written.charCodeAt(0);
    const key = code === DOUBLE_QUOTE || code === SINGLE_QUOTE ? unquote(written) : resolvePlain(written);
    return typeof key !== "string" || key === "<<" ? giveUp() : key;
  }

  private add(entries: Map<string, Entry>, key: string, entry: Entry): void {
    if (isForbiddenKey(key, entry.keySpan, this.report)) return;
    const earlier = entries.get(key);
    if (earlier === undefined || laterCounts(key, entry.keySpan, earlier, this.report))
      entries.set(key, entry);
  }

  /** What follows the colon or dash before `at`: on this line, or indented below. Ends at the next line with content. */
  private value(indent: number, depth: number, before: Span, inMap: boolean): Node {
    this.skipSpaces();
    const { at } = this;
    const simple = this.simpleLine(indent);
    if (simple !== undefined) return simple;
    const code = this.text.charCodeAt(at);
    if (at >= this.text.length || code === NEWLINE || code === HASH) {
      if (code === HASH && this.text.charCodeAt(at - 1) !== SPACE) giveUp();
      this.nextLine(this.lineEnd(at) + 1);
      if (this.indent > indent) return this.block(this.indent, depth + 1);
      if (inMap && this.indent === indent && this.isDash(this.at)) return this.list(indent, depth + 1);
      return this.nothing(before, inMap);
    }
    if (!inMap && (this.isDash(at) || this.keyColon(at) >= 0)) {
      this.indent = at - this.lineStart;
      return this.block(this.indent, depth + 1);
    }
    return code === 0x7c ? this.literal(indent) : this.inline(indent, depth + 1);
  }

  /** `key:` points at its key; an empty item of a list has no place that the two parsers would agree on. */
  private nothing(before: Span, inMap: boolean): ScalarNode {
    return inMap ? { kind: "scalar", span: before, value: null, written: "" } : giveUp();
  }

  private skipSpaces(): void {
    while (this.text.charCodeAt(this.at) === SPACE) this.at++;
  }

  /** A plain scalar that is the rest of a line, and nothing else is. */
  private simpleLine(indent: number): ScalarNode | undefined {
    const start = this.at;
    const end = endOf(SIMPLE_LINE, this.text, start) - 1;
    if (end < 0 || this.text.charCodeAt(end - 1) === SPACE) return undefined;
    const written = this.text.slice(start, end);
    const node: ScalarNode = {
      kind: "scalar",
      span: this.span(start, end),
      value: resolvePlain(written),
      written,
    };
    this.nextLine(end + 1);
    return this.indent > indent ? giveUp() : node;
  }

  /** A value that ends on its line. A line below that is indented deeper would belong to it. */
  private inline(indent: number, depth: number): Node {
    const node = this.flowValue(depth, false);
    const end = this.at;
    this.skipSpaces();
    const code = this.text.charCodeAt(this.at);
    if (this.at < this.text.length && code !== NEWLINE && (code !== HASH || this.at === end)) giveUp();
    this.nextLine(this.lineEnd(this.at) + 1);
    return this.indent > indent ? giveUp() : node;
  }

  private flowValue(depth: number, inFlow: boolean): Node {
    const code = this.text.charCodeAt(this.at);
    if (code === 0x5b) return this.flowList(depth);
    if (code === 0x7b) return this.flowMap(depth);
    const start = this.at;
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      this.at = quotedEnd(this.text, start);
      const value = unquote(this.text.slice(start, this.at));
      return { kind: "scalar", span: this.span(start, this.at), value, written: value };
    }
    this.at = this.plainEnd(inFlow);
    const written = this.text.slice(start, this.at);
    return { kind: "scalar", span: this.span(start, this.at), value: resolvePlain(written), written };
  }

  /** The end of the plain scalar at `at`; a colon that would make it a key is not read here. */
  private plainEnd(inFlow: boolean): number {
    if (!beginsPlain(this.text, this.at)) giveUp();
    const end = inFlow ? this.flowPartEnd(this.at) : this.lineEnd(this.at);
    let part = this.text.slice(this.at, end);
    const comment = part.indexOf(" #");
    if (comment >= 0) part = part.slice(0, comment);
    if (part.includes("\t") || part.endsWith(":")) giveUp();
    const key = part.indexOf(": ");
    if (key >= 0 && !inFlow) giveUp();
    return this.at + (key >= 0 ? part.slice(0, key) : part).trimEnd().length;
  }

  private flowPartEnd(at: number): number {
    FLOW_PART.lastIndex = at;
    FLOW_PART.test(this.text);
    return FLOW_PART.lastIndex;
  }

  private flowList(depth: number): ListNode {
    if (depth > MAX_DEPTH) giveUp();
    const start = this.at++;
    const items: Node[] = [];
    while (!this.closes(0x5d)) {
      items.push(this.flowValue(depth + 1, true));
      this.separator(0x5d);
    }
    return { kind: "list", span: this.span(start, ++this.at), items };
  }

  private flowMap(depth: number): MapNode {
    if (depth > MAX_DEPTH) giveUp();
    const start = this.at++;
    const entries = new Map<string, Entry>();
    while (!this.closes(0x7d)) {
      const keyNode = this.flowValue(depth + 1, true);
      if (keyNode.kind !== "scalar") giveUp();
      const key = this.key(keyNode.span);
      this.skipSpaces();
      if (this.text.charCodeAt(this.at) !== COLON || this.text.charCodeAt(this.at + 1) !== SPACE) giveUp();
      this.at++;
      this.skipSpaces();
      this.add(entries, key, { keySpan: keyNode.span, value: this.flowValue(depth + 1, true) });
      this.separator(0x7d);
    }
    return { kind: "map", span: this.span(start, ++this.at), entries };
  }

  private closes(bracket: number): boolean {
    this.skipSpaces();
    return this.text.charCodeAt(this.at) === bracket;
  }

  /** A comma, or nothing before the closing bracket. */
  private separator(bracket: number): void {
    if (this.closes(bracket)) return;
    if (this.text[this.at] !== ",") giveUp();
    this.at++;
  }

  /** `|` and `|-`: the lines below, without their common indentation. */
  private literal(indent: number): ScalarNode {
    const start = this.at;
    const headerEnd = this.lineEnd(start);
    const header = this.text.slice(start, headerEnd);
    if ((header !== "|" && header !== "|-") || headerEnd === this.text.length) giveUp();
    const lines: string[] = [];
    let content = -1;
    let lineStart = headerEnd + 1;
    let end = lineStart;
    while (lineStart < this.text.length) {
      const lineEnd = this.text.indexOf("\n", lineStart);
      if (lineEnd < 0) giveUp();
      let at = lineStart;
      while (this.text.charCodeAt(at) === SPACE) at++;
      if (at === lineEnd) {
        if (at - lineStart > Math.max(content, 0)) giveUp();
        lines.push("");
      } else {
        if (content < 0) content = at - lineStart;
        if (at - lineStart < content || content <= indent) break;
        lines.push(this.text.slice(lineStart + content, lineEnd));
        end = lineEnd;
      }
      lineStart = lineEnd + 1;
    }
    return this.finishLiteral(lines, header, this.span(start, end), lineStart);
  }

  private finishLiteral(lines: string[], header: string, span: Span, next: number): ScalarNode {
    while (lines.at(-1) === "") lines.pop();
    if (lines.length === 0) giveUp();
    const value = lines.join("\n") + (header === "|" ? "\n" : "");
    this.nextLine(next);
    return { kind: "scalar", span, value, written: value };
  }

  private span(start: number, end: number): Span {
    return { source: this.source, start, end };
  }
}
