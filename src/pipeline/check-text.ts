import type { Node } from "./node.ts";
import type { Report, Source, Span } from "./source.ts";

/**
 * Reports keys and texts that hold half of a surrogate pair: no encoding can write it, and no database keeps it. Only escapes
 * in double quotes make one, or a text that was no valid Unicode itself. False where one was found.
 */
export function checkText(root: Node, sources: Source[], report: Report): boolean {
  if (!sources.some(({ text }) => /\\u/i.test(text) || !text.isWellFormed())) return true;
  const seen = new Set<Node>();
  let isFine = true;
  const check = (text: string, span: Span) => {
    if (text.isWellFormed()) return;
    isFine = false;
    const half = /\p{Surrogate}/u.exec(text)![0].charCodeAt(0).toString(16).toUpperCase();
    const message = `U+${half} is half of a character`;
    report.error("CONFIG_SYNTAX", span, message, 'write the character itself, or "\\U" and its eight digits');
  };
  const walk = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === "list") for (const item of node.items) walk(item);
    if (node.kind === "scalar" && typeof node.value === "string") check(node.value, node.span);
    if (node.kind === "reference") for (const part of node.path) check(part.text, part.span);
    if (node.kind !== "map") return;
    for (const [key, { keySpan, value }] of node.entries) {
      check(key, keySpan);
      walk(value);
    }
  };
  walk(root);
  return isFine;
}
