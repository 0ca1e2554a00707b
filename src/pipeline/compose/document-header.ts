import type { Node } from "../node.ts";
import { list, type ReadContext, type Shape, text, word } from "../shape.ts";
import { dictionary, object, type ReadObject } from "../shape-object.ts";

/** What stands above the `---` of a file: `spec` with the inputs of the file. */

export type InputType = "string" | "number" | "boolean" | "array";

interface Declared {
  default?: Node;
  type?: InputType;
  options?: Node[];
  regex?: string;
  description?: string;
}

/** An input without `default` must be given. */
export type DeclaredInput = ReadObject<Declared>;

const anything: Shape<Node> = {
  noun: "a value",
  schema: {},
  accepts: () => true,
  read: (node) => (node.kind === "broken" ? undefined : node),
};

const described = object(
  {
    default: { shape: anything, about: "The value where none is given." },
    type: { shape: word(["string", "number", "boolean", "array"]), about: "Default: string." },
    options: {
      shape: list(anything, { noun: "a list of values", atLeast: 1 }),
      about: "The values it may have.",
    },
    regex: { shape: text({ noun: "a pattern" }), about: "What a text has to match." },
    description: { shape: text({ noun: "a text" }), about: "What it is for." },
  },
  { noun: "a mapping with default, type, options and regex" },
);

/** `name:` alone declares a text that must be given. */
const input: Shape<DeclaredInput> = {
  ...described,
  read(node, context) {
    if (node.kind !== "scalar" || node.value !== null) return described.read(node, context);
    return { values: {}, keySpans: new Map(), span: node.span };
  },
};

const NAME = /^[A-Za-z0-9_-]{1,255}$/;

const header = object(
  {
    spec: {
      shape: object(
        {
          inputs: {
            shape: dictionary({
              noun: "a mapping of inputs",
              of: input,
              keyProblem: (name) =>
                NAME.test(name)
                  ? undefined
                  : { message: "no name of an input", hint: "use letters, digits, _ and -" },
              keySchema: { pattern: NAME.source },
            }),
            about: "The inputs by name.",
          },
        },
        { noun: "a mapping with inputs" },
      ),
      about: "What the file is given by whoever includes it.",
    },
  },
  { noun: "a mapping with spec" },
);

/** The inputs that a header declares; undefined: it is broken, which was reported. */
export function readHeader(node: Node, context: ReadContext): Map<string, DeclaredInput> | undefined {
  const spec = header.read(node, context)?.values.spec;
  if (spec === undefined) return undefined;
  const { inputs } = spec.values;
  if (inputs === undefined) return spec.keySpans.has("inputs") ? undefined : new Map();
  const declared = new Map<string, DeclaredInput>();
  for (const [name, { value }] of inputs) {
    if (value === undefined) return undefined;
    declared.set(name, value);
  }
  return declared;
}
