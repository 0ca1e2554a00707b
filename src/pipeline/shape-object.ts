import type { DiagnosticCode } from "./diagnostic.ts";
import type { TextProblem } from "./names.ts";
import type { Entry, MapNode, Node } from "./node.ts";
import { type JsonSchema, type ReadContext, type Shape, wrongType } from "./shape.ts";
import type { Span } from "./source.ts";

/** One key of a mapping. `about` is its description in the JSON Schema. */
export interface Keyword<T = unknown> {
  shape: Shape<T>;
  about: string;
  required?: string;
  /** Keys beside which it need not stand. */
  unless?: readonly string[];
  /** In GitLab's form it may be absent nevertheless. */
  isLax?: true;
}

type OnUnknown = (key: string, value: Node, keySpan: Span, context: ReadContext) => boolean;
type Keywords = Record<string, Keyword>;
type ValueOf<K> = K extends { shape: Shape<infer T> } ? T : never;

/** Absent keys and keys whose value was reported are absent. */
export type ObjectOf<K extends Keywords> = { [Key in keyof K]?: ValueOf<K[Key]> };

export interface ReadObject<T> {
  values: T;
  /** Where the key stands, of each key in `values`. */
  keySpans: Map<string, Span>;
  span: Span;
}

/**
 * A mapping with known keys. `shorthand`: a scalar stands for a mapping with this one key. `elsewhere`: hints for keys
 * that exist in other places or products. `onUnknown` is asked before a key is reported as unknown: true where it has dealt with it.
 */
export function object<K extends Keywords>(
  keywords: K,
  options: {
    noun: string;
    shorthand?: keyof K & string;
    elsewhere?: (key: string, value: Node) => string | undefined;
    onUnknown?: OnUnknown;
  },
): Shape<ReadObject<ObjectOf<K>>> {
  const keys = Object.keys(keywords);
  const demanded = keys.filter((key) => keywords[key]!.required !== undefined);
  const { noun, shorthand } = options;
  const short = shorthand === undefined ? undefined : keywords[shorthand]!.shape;
  const schema = objectSchema(keywords);
  return {
    noun: short === undefined ? noun : `${short.noun} or ${noun}`,
    schema: short === undefined ? schema : { anyOf: [short.schema, schema] },
    keys,
    ...(shorthand === undefined ? {} : { shorthand }),
    child: (key) => (Object.hasOwn(keywords, key) ? keywords[key]!.shape : undefined),
    accepts: (node) => node.kind === "map" || (short?.accepts(node) ?? false),
    read(node, context) {
      if (node.kind === "map") return readKeys(node, keywords, { ...options, keys, demanded }, context);
      if (short === undefined || !(short.accepts(node) || node.kind === "scalar")) {
        return wrongType(node, this.noun, context);
      }
      if (!short.accepts(node)) return wrongType(node, this.noun, context, scalarHint(node, short));
      const value = short.read(node, context);
      if (value === undefined) return undefined;
      const values = { [shorthand!]: value } as ObjectOf<K>;
      return { values, keySpans: new Map([[shorthand!, node.span]]), span: node.span };
    },
  };
}

function scalarHint(node: Node, short: Shape<unknown>): string | undefined {
  return node.kind === "scalar" && node.value !== null && short.schema.type === "string"
    ? `write it in quotes: "${node.written}"`
    : undefined;
}

/** Reads every key it can; a wrong one is reported and left out, so that its neighbours are still checked. */
function readKeys<K extends Keywords>(
  node: MapNode,
  keywords: K,
  options: {
    keys: string[];
    /** Those that are required. */
    demanded: string[];
    elsewhere?: (key: string, value: Node) => string | undefined;
    onUnknown?: OnUnknown;
  },
  context: ReadContext,
): ReadObject<ObjectOf<K>> {
  const values: Record<string, unknown> = {};
  const keySpans = new Map<string, Span>();
  node.entries.forEach((entry, key) => {
    // What stood below it was taken away or commented out: on GitLab the key is as good as absent.
    if (context.lax === true && isNull(entry.value) && Object.hasOwn(keywords, key)) return;
    keySpans.set(key, entry.keySpan);
    if (!Object.hasOwn(keywords, key)) refuseKey(key, entry, options, context);
    else {
      const value = keywords[key]!.shape.read(entry.value, context);
      if (value !== undefined) values[key] = value;
    }
  });
  for (const key of options.demanded) {
    if (keySpans.has(key)) continue;
    const { required: hint, unless, isLax = false } = keywords[key]!;
    if ((isLax && context.lax === true) || unless?.some((other) => keySpans.has(other))) continue;
    context.report.error("CONFIG_MISSING_KEY", headOf(node), `the key "${key}" is missing`, hint);
  }
  return { values: values as ObjectOf<K>, keySpans, span: node.span };
}

function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

function refuseKey(
  key: string,
  { value, keySpan }: Entry,
  { keys, elsewhere, onUnknown }: Parameters<typeof readKeys>[2],
  context: ReadContext,
): void {
  if (onUnknown?.(key, value, keySpan, context)) return;
  const hint =
    elsewhere?.(key, value) ?? context.suggester.hint(key, keys) ?? `known keys: ${keys.join(", ")}`;
  context.report.error("CONFIG_UNKNOWN_KEY", keySpan, `unknown key "${shorten(key)}"`, hint);
}

/** The first key of a mapping: a place to point at when one is missing. */
function headOf(node: MapNode): Span {
  const { start, end } = node.span;
  const first = node.entries.values().next().value?.keySpan;
  return first !== undefined && first.source === node.span.source && first.start >= start && first.end <= end
    ? first
    : { ...node.span, end: Math.min(end, start + 1) };
}

/** A mapping with keys of the user's choice, checked by `keyProblem`. */
export function dictionary<T>(options: {
  noun: string;
  of: Shape<T>;
  keyProblem: (key: string) => TextProblem | undefined;
  keySchema: JsonSchema;
  /** Keys, as a pattern, whose values are taken away before this reads the mapping. */
  skipped?: string;
  atLeast?: { count: 1; message: string; hint: string };
}): Shape<Map<string, { value: T | undefined; keySpan: Span }>> {
  const { noun, of, keyProblem, atLeast } = options;
  return {
    noun,
    schema: {
      type: "object",
      propertyNames: options.keySchema,
      ...(options.skipped === undefined ? {} : { patternProperties: { [options.skipped]: {} } }),
      additionalProperties: of.schema,
      ...(atLeast === undefined ? {} : { minProperties: atLeast.count }),
    },
    child: (key) => (keyProblem(key) === undefined ? of : undefined),
    accepts: (node) => node.kind === "map",
    read(node, context) {
      if (node.kind !== "map") return wrongType(node, noun, context);
      if (atLeast !== undefined && node.entries.size < atLeast.count) {
        return context.report.error("CONFIG_INVALID_VALUE", node.span, atLeast.message, atLeast.hint);
      }
      const values = new Map<string, { value: T | undefined; keySpan: Span }>();
      node.entries.forEach(({ keySpan, value }, key) => {
        reportKey(key, keySpan, keyProblem, "CONFIG_INVALID_NAME", context);
        values.set(key, { value: of.read(value, context), keySpan });
      });
      return values;
    },
  };
}

function reportKey(
  key: string,
  span: Span,
  keyProblem: (key: string) => TextProblem | undefined,
  code: DiagnosticCode,
  { report }: ReadContext,
): void {
  const problem = keyProblem(key);
  if (problem !== undefined) report.error(code, span, problem.message, problem.hint);
}

function objectSchema(keywords: Keywords): JsonSchema {
  const entries = Object.entries(keywords);
  const demanded = entries.filter(([, keyword]) => keyword.required !== undefined);
  const alternatives = demanded.map(([key, { unless = [] }]) => [
    key,
    ...unless.filter((other) => Object.hasOwn(keywords, other)),
  ]);
  return {
    type: "object",
    properties: Object.fromEntries(
      entries.map(([key, { shape, about }]) => [key, { description: about, ...shape.schema }]),
    ),
    ...requiredSchema(alternatives, Object.hasOwn(keywords, "extends")),
    additionalProperties: false,
  };
}

/** Of each list one key must stand. What a template may bring need not stand in a mapping that extends it. */
function requiredSchema(alternatives: string[][], canExtend: boolean): JsonSchema {
  const required = alternatives.filter(({ length }) => length === 1).flat();
  const choices = alternatives.filter(({ length }) => length > 1);
  const demanded: JsonSchema = {
    ...(required.length === 0 ? {} : demand(required, canExtend)),
    ...(choices.length === 0
      ? {}
      : { allOf: choices.map((keys) => ({ anyOf: keys.map((key) => demand([key], true)) })) }),
  };
  if (!canExtend || alternatives.length === 0) return demanded;
  return { anyOf: [demand(["extends"], true), demanded] };
}

/** `alone`: where the keys' own schemas are not beside it. */
function demand(keys: string[], alone: boolean): JsonSchema {
  return {
    required: keys,
    ...(alone ? { properties: Object.fromEntries(keys.map((key) => [key, true])) } : {}),
  };
}

function shorten(key: string): string {
  return key.length > 80 ? `${key.slice(0, 80)}…` : key;
}
