import type { RuleTrace } from "./plan.ts";

const MAX_LENGTH = 600;

/** The rules that were looked at and did not hold, with what decided: `if $X == "1" (X is not set); exists Dockerfile (...)`. */
export function describeRules(why: readonly RuleTrace[]): string {
  const text = why.map(describeRule).join("; ");
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}...` : text;
}

function describeRule({ text, values, note }: RuleTrace): string {
  const known = Object.entries(values).map(([name, value]) =>
    value === null ? `${name} is not set` : `${name} is ${JSON.stringify(value)}`,
  );
  const details = note === null ? known : [...known, note];
  return details.length === 0 ? text : `${text} (${details.join(", ")})`;
}
