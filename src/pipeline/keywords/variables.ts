import { variableNameProblem } from "../names.ts";
import type { Node } from "../node.ts";
import { isScalarOf, list, oneOf, type ReadContext, type Shape, truth, wrongType } from "../shape.ts";
import { dictionary, object, type ReadObject } from "../shape-object.ts";
import { plainText } from "./values.ts";

/** The value of an environment variable; numbers and truth values are taken as written. */
export const scalarText: Shape<string> = {
  noun: "a text, a number, or true or false",
  schema: { type: ["string", "number", "boolean"] },
  accepts: (node) => node.kind === "scalar" && node.value !== null,
  read(node, context) {
    if (isScalarOf(node, "string")) return plainText.read(node, context);
    if (isScalarOf(node, "boolean")) return String(node.value);
    if (isScalarOf(node, "number")) return node.written;
    return wrongType(node, this.noun, context, this.mend?.(node));
  },
  mend: (node) => (node.kind === "scalar" && node.value === null ? 'for an empty value write ""' : undefined),
};

const described = object(
  {
    value: { shape: scalarText, about: 'The value. Default: "".' },
    expand: {
      shape: truth(),
      about: "Whether $NAME in the value refers to other variables. Default: true.",
    },
    file: {
      shape: truth(),
      about: "Whether the job finds the value in a file, whose path the variable holds. Default: false.",
    },
    description: { shape: plainText, about: "What the variable is for." },
    options: {
      shape: list(scalarText, { noun: "a list of values", atLeast: 1 }),
      about: "The values that the variable may have.",
    },
  },
  { noun: "a mapping with value and expand" },
);

/** The keys of a variable that is a mapping. */
export const VARIABLE_KEYS = described.keys!;

const checked: typeof described = {
  ...described,
  read(node, context) {
    const read = described.read(node, context);
    if (read !== undefined) checkOptions(read, node, context);
    return read;
  },
};

function checkOptions(
  { values, keySpans }: NonNullable<ReturnType<typeof described.read>>,
  node: Node,
  context: ReadContext,
) {
  const { options, value = "" } = values;
  if (options === undefined || options.includes(value)) return;
  if (keySpans.has("value") && values.value === undefined) return;
  const message = `"${value.slice(0, 80)}" is not among the options`;
  const span = keySpans.get("value") ?? keySpans.get("options") ?? node.span;
  context.report.error(
    "CONFIG_INVALID_VALUE",
    span,
    message,
    `write one of ${options.join(", ").slice(0, 200)}`,
  );
}

export type VariableValue = string | ReadObject<Described>;

interface Described {
  value?: string;
  expand?: boolean;
  file?: boolean;
  options?: string[];
}

export const variables = dictionary<VariableValue>({
  noun: "a mapping of variables",
  of: oneOf<string, ReadObject<Described>>(scalarText, checked),
  keyProblem: variableNameProblem,
  keySchema: { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,254}$" },
});
