import { evaluate } from "../expression/evaluate.ts";
import { compileFileGlob } from "../expression/file-glob.ts";
import type { includeRules } from "../keywords/include.ts";
import type { Shape } from "../shape.ts";
import type { ComposeFacts } from "./compose.ts";

export type IncludeRules = typeof includeRules extends Shape<infer T> ? T : never;
type Clauses = IncludeRules[number]["values"];

/** What the rules of includes look at; what is not known yet is noted by whoever is asked. */
export interface RuleFacts {
  variable(name: string): string | undefined;
  expand(text: string): string;
  /** Undefined: not fetched yet. */
  changed(base: string): ComposeFacts["changed"][string] | undefined;
  files(): readonly string[] | undefined;
}

/** As of jobs: the first rule whose clauses all hold decides; none: the file is not included. */
export function isIncluded(rules: IncludeRules, facts: RuleFacts): boolean {
  const first = rules.find(({ values }) => holds(values, facts));
  return first !== undefined && first.values.when !== "never";
}

function holds({ if: condition, changes, exists }: Clauses, facts: RuleFacts): boolean {
  if (condition !== undefined) {
    const { holds } = evaluate(condition.expression, (name) => facts.variable(name) ?? null);
    if (!holds) return false;
  }
  if (changes !== undefined) {
    const { paths = [], compare_to: base = "" } = Array.isArray(changes)
      ? { paths: changes }
      : changes.values;
    const changed = facts.changed(facts.expand(base));
    if (changed !== null && !matches(paths, changed ?? [], facts)) return false;
  }
  if (exists === undefined) return true;
  const paths = Array.isArray(exists) ? exists : (exists.values.paths ?? []);
  return matches(paths, facts.files() ?? [], facts);
}

function matches(patterns: string[], paths: readonly string[], facts: RuleFacts): boolean {
  return patterns.some((pattern) => paths.some(compileFileGlob(facts.expand(pattern))));
}
