import type { Span } from "./source.ts";

/**
 * A YAML document without YAML's oddities: aliases and merge keys resolved, keys are text and unique. An aliased node is
 * the same object in several places. `broken` was reported already; readers pass over it in silence.
 */
export type Node = ScalarNode | ListNode | MapNode | ReferenceNode | BrokenNode;

export interface ScalarNode {
  kind: "scalar";
  span: Span;
  value: string | number | boolean | null;
  /** For numbers and booleans, the value as it was written. */
  written: string;
}

export interface ListNode {
  kind: "list";
  span: Span;
  items: Node[];
}

export interface MapNode {
  kind: "map";
  span: Span;
  entries: Map<string, Entry>;
}

export interface Entry {
  keySpan: Span;
  value: Node;
}

/** `!reference [job, key, ...]`, until composition has put in place what it means. */
export interface ReferenceNode {
  kind: "reference";
  span: Span;
  path: { text: string; span: Span }[];
}

export interface BrokenNode {
  kind: "broken";
  span: Span;
}

/** What stands there, for "…, not a number". */
export function describeNode(node: Node): string {
  if (node.kind === "list") return "a list";
  if (node.kind === "map") return "a mapping";
  if (node.kind === "reference") return "a !reference";
  if (node.kind === "broken") return "a broken value";
  if (node.value === null) return "empty";
  if (typeof node.value === "string") return "a text";
  return typeof node.value === "boolean" ? `the truth value ${node.written}` : `the number ${node.written}`;
}
