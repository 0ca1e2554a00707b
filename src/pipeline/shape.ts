import type { DiagnosticCode } from "./diagnostic.ts";
import type { TextProblem } from "./names.ts";
import { describeNode, type ListNode, type Node, type ScalarNode } from "./node.ts";
import type { Report, Span } from "./source.ts";
import type { Suggester } from "./suggest.ts";

export type JsonSchema = { [keyword: string]: unknown };

/**
 * What a value of the language looks like: the one description that the reader, the overrides and the JSON Schema are made
 * from. `read` returns undefined exactly where it reported something (or the node was `broken`).
 */
export interface Shape<T> {
  read(node: Node, context: ReadContext): T | undefined;
  schema: JsonSchema;
  /** Kinds of node this takes, for `oneOf`. */
  accepts(node: Node): boolean;
  /** "a text", "a list of texts": for messages. */
  noun: string;
  /** The shape below a key, where the value can be a mapping; undefined: no such key. */
  child?(key: string): Shape<unknown> | undefined;
  /** Keys `child` knows; undefined: any. */
  keys?: readonly string[];
  /** Keys of the language beside any others: an override may add them. */
  ownKeys?: ReadonlySet<string>;
  /** The key that a scalar stands for (`image: x` is `image: {name: x}`). */
  shorthand?: string;
  /** Of a list. */
  item?: Shape<unknown>;
  /** How to mend a value of another type. */
  mend?(node: Node): string | undefined;
}

export interface ReadContext {
  report: Report;
  suggester: Suggester;
  /** YAML 1.1, as GitLab reads it: yes, no, on and off are truth values. */
  lax?: boolean;
}

export interface Located<T> {
  value: T;
  span: Span;
}

export function wrongType(node: Node, noun: string, { report }: ReadContext, hint?: string): undefined {
  if (node.kind === "broken") return undefined;
  return report.error("CONFIG_WRONG_TYPE", node.span, `expected ${noun}, found ${describeNode(node)}`, hint);
}

/** A text, checked by `problem`; `hint` answers a value of another type. */
export function text(options: {
  noun: string;
  code?: DiagnosticCode;
  problem?: (value: string) => TextProblem | undefined;
  schema?: JsonSchema;
}): Shape<string> {
  const { noun, code = "CONFIG_INVALID_VALUE", problem } = options;
  return {
    noun,
    schema: { type: "string", ...options.schema },
    accepts: (node) => isScalarOf(node, "string"),
    read(node, context) {
      if (!isScalarOf(node, "string")) return wrongType(node, noun, context, quoteHint(node));
      const value = node.value;
      const found = problem?.(value);
      if (found !== undefined) return context.report.error(code, node.span, found.message, found.hint);
      return value;
    },
  };
}

/** A number or truth value where a text belongs is most often one that lacks quotes. */
export function quoteHint(node: Node): string | undefined {
  if (node.kind !== "scalar" || node.value === null || typeof node.value === "string") return undefined;
  return `write it in quotes: "${node.written}"`;
}

/** One of `words`; `elsewhere` explains words that exist but not here. */
export function word<const W extends string>(
  words: readonly W[],
  elsewhere: Record<string, string> = {},
): Shape<W> {
  const all = words.join(", ");
  const noun = words.length > 6 ? "a known word" : `one of ${all}`;
  return {
    noun,
    schema: { enum: [...words] },
    accepts: (node) => isScalarOf(node, "string"),
    read(node, context) {
      if (!isScalarOf(node, "string")) return wrongType(node, noun, context);
      const value = node.value;
      if ((words as readonly string[]).includes(value)) return value as W;
      const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
      const hint = Object.hasOwn(elsewhere, value) ? elsewhere[value] : context.suggester.hint(value, words);
      return context.report.error(
        "CONFIG_INVALID_VALUE",
        node.span,
        `"${shown}" is not ${noun}`,
        hint ?? `known are ${all}`,
      );
    },
  };
}

export function truth(): Shape<boolean> {
  const noun = "true or false";
  return {
    noun,
    schema: { type: "boolean" },
    accepts: (node) => isScalarOf(node, "boolean") || laxTruth(node) !== undefined,
    mend(node) {
      const said = node.kind === "scalar" ? String(node.value).toLowerCase() : "";
      if (["yes", "on", "true", "y"].includes(said)) return "write true";
      return ["no", "off", "false", "n"].includes(said) ? "write false" : undefined;
    },
    read(node, context) {
      if (isScalarOf(node, "boolean")) return node.value;
      const lax = context.lax === true ? laxTruth(node) : undefined;
      return lax ?? wrongType(node, noun, context, this.mend?.(node));
    },
  };
}

function laxTruth(node: Node): boolean | undefined {
  if (!isScalarOf(node, "string")) return undefined;
  if (/^(yes|on)$/i.test(node.value)) return true;
  return /^(no|off)$/i.test(node.value) ? false : undefined;
}

export function integer(minimum: number, maximum: number): Shape<number> {
  const noun = `a whole number from ${minimum} to ${maximum}`;
  return {
    noun,
    schema: { type: "integer", minimum, maximum },
    accepts: (node) => isScalarOf(node, "number"),
    read(node, context) {
      if (!isScalarOf(node, "number"))
        return wrongType(node, noun, context, `write a number from ${minimum} to ${maximum}`);
      const value = node.value;
      if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
      return context.report.error(
        "CONFIG_INVALID_VALUE",
        node.span,
        `${node.written} is not ${noun}`,
        `use ${noun}`,
      );
    },
  };
}

/** The value with where it stands. */
export function located<T>(shape: Shape<T>): Shape<Located<T>> {
  return {
    ...shape,
    read(node, context) {
      const value = shape.read(node, context);
      return value === undefined ? undefined : { value, span: node.span };
    },
  };
}

/** A list; `single`: one item may stand for a list of it. */
export function list<T>(
  item: Shape<T>,
  options: { noun: string; atLeast?: number; single?: boolean },
): Shape<T[]> {
  const { noun, atLeast = 0, single = false } = options;
  const schema: JsonSchema = {
    type: "array",
    items: item.schema,
    ...(atLeast > 0 ? { minItems: atLeast } : {}),
  };
  const { child, keys } = single ? item : {};
  return {
    noun,
    item,
    ...(child === undefined ? {} : { child }),
    ...(keys === undefined ? {} : { keys }),
    schema: single ? { anyOf: [item.schema, schema] } : schema,
    accepts: (node) => node.kind === "list" || (single && item.accepts(node)),
    read(node, context) {
      if (node.kind === "list") return readItems(node, item, atLeast, noun, context);
      if (!single || !item.accepts(node)) return wrongType(node, noun, context, listHint(node));
      const value = item.read(node, context);
      return value === undefined ? undefined : [value];
    },
  };
}

function readItems<T>(
  node: ListNode,
  item: Shape<T>,
  atLeast: number,
  noun: string,
  context: ReadContext,
): T[] | undefined {
  if (node.items.length < atLeast) {
    const message = `the list is empty; expected ${noun}`;
    return context.report.error("CONFIG_INVALID_VALUE", node.span, message, "add an item or remove the key");
  }
  const values = node.items.map((child) => item.read(child, context));
  return values.includes(undefined) ? undefined : (values as T[]);
}

function listHint(node: Node): string | undefined {
  return node.kind === "scalar" &&
    node.value !== null &&
    node.written.length <= 60 &&
    !node.written.includes("\n")
    ? `write a list: [${node.written}]`
    : undefined;
}

/** The first of several shapes that accepts the node. */
export function oneOf<A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> {
  const noun = `${first.noun} or ${second.noun}`;
  const below = [first, second].find((shape) => shape.child !== undefined);
  return {
    ...below,
    noun,
    schema: { anyOf: [first.schema, second.schema] },
    accepts: (node) => first.accepts(node) || second.accepts(node),
    mend: (node) => first.mend?.(node) ?? second.mend?.(node),
    read(node, context) {
      if (first.accepts(node)) return first.read(node, context);
      if (second.accepts(node)) return second.read(node, context);
      return wrongType(node, noun, context, this.mend?.(node));
    },
  };
}

export function mapped<A, B>(shape: Shape<A>, map: (value: A) => B): Shape<B> {
  return {
    ...shape,
    read(node, context) {
      const value = shape.read(node, context);
      return value === undefined ? undefined : map(value);
    },
  };
}

interface ScalarTypes {
  string: string;
  number: number;
  boolean: boolean;
}

export function isScalarOf<T extends keyof ScalarTypes>(
  node: Node,
  type: T,
): node is ScalarNode & { value: ScalarTypes[T] } {
  return node.kind === "scalar" && typeof node.value === type;
}
