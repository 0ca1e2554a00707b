import { variableNameProblem } from "../names.ts";
import { isScalarOf, type Shape, wrongType } from "../shape.ts";
import { dictionary } from "../shape-object.ts";
import { plainText } from "./values.ts";

/** The value of an environment variable; numbers and truth values are taken as written. */
const variableValue: Shape<string> = {
  noun: "a text, a number, or true or false",
  schema: { type: ["string", "number", "boolean"] },
  accepts: (node) => node.kind === "scalar" && node.value !== null,
  read(node, context) {
    if (isScalarOf(node, "string")) return plainText.read(node, context);
    if (isScalarOf(node, "boolean")) return String(node.value);
    if (isScalarOf(node, "number")) return node.written;
    return wrongType(
      node,
      this.noun,
      context,
      node.kind === "scalar" ? 'for an empty value write ""' : undefined,
    );
  },
};

export const variables = dictionary({
  noun: "a mapping of variables",
  of: variableValue,
  keyProblem: variableNameProblem,
  keySchema: { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,254}$" },
});
