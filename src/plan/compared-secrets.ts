import type { Expression } from "../pipeline/pipeline.ts";

/** The names among `secrets` that a condition compares with more than null or "": of a secret it can only be told that it is set. */
export function comparedSecrets(expression: Expression, isSecret: (name: string) => boolean): string[] {
  switch (expression.kind) {
    case "and":
    case "or":
      return [...comparedSecrets(expression.left, isSecret), ...comparedSecrets(expression.right, isSecret)];
    case "match":
    case "compare": {
      const operands = [expression.left, expression.right];
      if (operands.some(isNothing)) return [];
      return operands.flatMap((one) => (one.kind === "variable" && isSecret(one.name) ? [one.name] : []));
    }
    default:
      return [];
  }
}

function isNothing(operand: Expression): boolean {
  return operand.kind === "null" || (operand.kind === "text" && operand.value === "");
}
