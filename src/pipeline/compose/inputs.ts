import { compileRegex } from "../expression/regex.ts";
import { describeNode, type Entry, type Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Span } from "../source.ts";
import type { DeclaredInput, InputType } from "./document-header.ts";

/** Values for the inputs of a file, and where they are given: for what is missing. */
export interface GivenInputs {
  entries: ReadonlyMap<string, Entry>;
  span: Span;
}

/** The value of each declared input: as given, else its default. Undefined: something is wrong with one, which was reported. */
export function resolveInputs(
  declared: ReadonlyMap<string, DeclaredInput>,
  given: GivenInputs,
  context: ReadContext,
): Map<string, Node> | undefined {
  const values = new Map<string, Node>();
  let isFine = refuseUnknown(declared, given, context);
  for (const [name, input] of declared) {
    const value = givenValue(name, input, given, context);
    if (value === undefined) isFine = false;
    else values.set(name, value);
  }
  return isFine ? values : undefined;
}

function refuseUnknown(
  declared: ReadonlyMap<string, DeclaredInput>,
  { entries }: GivenInputs,
  { report, suggester }: ReadContext,
): boolean {
  let isFine = true;
  for (const [name, { keySpan }] of entries) {
    if (declared.has(name)) continue;
    isFine = false;
    const names = [...declared.keys()];
    const known =
      names.length === 0 ? "the file declares none" : `its inputs: ${names.slice(0, 12).join(", ")}`;
    const hint = suggester.hint(name, names) ?? known;
    report.error("CONFIG_INPUT", keySpan, `the file has no input "${name.slice(0, 80)}"`, hint);
  }
  return isFine;
}

function givenValue(
  name: string,
  { values: input, keySpans }: DeclaredInput,
  given: GivenInputs,
  { report }: ReadContext,
): Node | undefined {
  const value = given.entries.get(name)?.value ?? input.default;
  if (value === undefined) {
    const hint = `give it with include: inputs, or give it a default`;
    return report.error("CONFIG_INPUT", given.span, `the input "${name}" is missing`, hint);
  }
  if (value.kind === "broken") return undefined;
  const { type = "string", options, regex } = input;
  if (!isOf(type, value)) {
    const message = `the input "${name}" is ${NOUNS[type]}, found ${describeNode(value)}`;
    const hint =
      value.kind === "scalar" && value.value !== null && type === "string"
        ? `write it in quotes: "${value.written}"`
        : undefined;
    return report.error("CONFIG_INPUT", value.span, message, hint);
  }
  if (options !== undefined && !options.some((option) => isSame(option, value))) {
    const shown = options.map((option) => shownValue(option)).join(", ");
    const message = `${shownValue(value)} is not among the options of the input "${name}"`;
    return report.error("CONFIG_INPUT", value.span, message, `its options: ${shown.slice(0, 200)}`);
  }
  if (regex === undefined) return value;
  const matches = matcher(regex);
  if (typeof matches !== "function")
    return report.error("CONFIG_REGEX", keySpans.get("regex")!, matches.problem, "write it as RE2 does");
  if (value.kind === "scalar" && matches(String(value.value))) return value;
  const message = `${shownValue(value)} does not match the pattern of the input "${name}"`;
  return report.error("CONFIG_INPUT", value.span, message, `the pattern: ${regex.slice(0, 200)}`);
}

const NOUNS: Record<InputType, string> = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  array: "a list",
};

function isOf(type: InputType, value: Node): boolean {
  if (type === "array") return value.kind === "list";
  return value.kind === "scalar" && typeof value.value === type;
}

function isSame(one: Node, other: Node): boolean {
  return one.kind === "scalar" && other.kind === "scalar" && one.value === other.value;
}

function shownValue(node: Node): string {
  if (node.kind !== "scalar") return describeNode(node);
  return JSON.stringify(node.value).slice(0, 80);
}

/** With or without slashes around it. */
function matcher(regex: string) {
  const [, source = regex, flags = ""] = /^\/(.*)\/([ismU]*)$/s.exec(regex) ?? [];
  return compileRegex({ source, flags });
}
