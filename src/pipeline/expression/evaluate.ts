import type { Expression } from "../pipeline.ts";
import { compileRegex, type RegexTest } from "./regex.ts";

/** Null: the variable is not set. */
export type Lookup = (name: string) => string | null;

/** `note`: why it cannot be told, and counts as false. */
export interface Verdict {
  holds: boolean;
  note: string | null;
}

/**
 * Whether a condition holds. A variable or text alone holds where it is set and not empty, at every place of the expression.
 * What a pattern is matched against counts as empty where it is not set; a pattern in a variable that is not set matches nothing,
 * and one that is none makes the whole condition false, as in GitLab.
 */
export function evaluate(expression: Expression, lookup: Lookup): Verdict {
  try {
    return { holds: holds(expression, lookup), note: null };
  } catch (error) {
    if (error instanceof NoPattern) return { holds: false, note: error.message };
    throw error;
  }
}

class NoPattern extends Error {}

function holds(expression: Expression, lookup: Lookup): boolean {
  switch (expression.kind) {
    case "and":
      return holds(expression.left, lookup) && holds(expression.right, lookup);
    case "or":
      return holds(expression.left, lookup) || holds(expression.right, lookup);
    case "compare": {
      const same = operandValue(expression.left, lookup) === operandValue(expression.right, lookup);
      return same === (expression.op === "==");
    }
    case "match": {
      const test = patternOf(expression.right, lookup);
      return (test?.(operandValue(expression.left, lookup) ?? "") ?? false) === (expression.op === "=~");
    }
    default:
      return (operandValue(expression, lookup) ?? "") !== "";
  }
}

function operandValue(operand: Expression, lookup: Lookup): string | null {
  if (operand.kind === "variable") return lookup(operand.name);
  return operand.kind === "text" ? operand.value : null;
}

function patternOf(operand: Expression, lookup: Lookup): RegexTest | undefined {
  if (operand.kind === "regex") return compiled(operand, `/${operand.source}/`);
  if (operand.kind !== "variable") return undefined;
  const value = lookup(operand.name);
  if (value === null) return undefined;
  const parts = /^\/(.+)\/([ismU]*)$/s.exec(value);
  if (parts === null) throw new NoPattern(`$${operand.name} is no /pattern/`);
  return compiled({ source: parts[1]!, flags: parts[2]! }, `the value of $${operand.name}`);
}

function compiled(text: { source: string; flags: string }, what: string): RegexTest {
  const test = compileRegex(text);
  if (typeof test === "function") return test;
  throw new NoPattern(`${what} is no pattern of RE2: ${test.problem}`);
}

/** The variables that a condition names, each once. */
export function variablesOf(expression: Expression, names = new Set<string>()): Set<string> {
  if (expression.kind === "variable") names.add(expression.name);
  if ("left" in expression) {
    variablesOf(expression.left, names);
    variablesOf(expression.right, names);
  }
  return names;
}
