import { evaluate, variablesOf } from "../pipeline/expression/evaluate.ts";
import { compileFileGlob } from "../pipeline/expression/file-glob.ts";
import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { Expression, Rule } from "../pipeline/pipeline.ts";
import { comparedSecrets } from "./compared-secrets.ts";
import { expandReferences } from "./expand.ts";
import { type KnownVariables, SET } from "./known-variables.ts";
import type { RuleTrace } from "./plan.ts";
import type { PlanNote } from "./plan-note.ts";

export interface RuleContext {
  facts: Facts;
  /** Everything that rules see, expanded. */
  variables: KnownVariables;
  /** What a rule without `when` means: the job's. */
  when: string;
  /** What rules looked at and nobody fetched is noted here. */
  wanted: FactsWanted;
  notes: PlanNote[];
  /** Null: the rules are of the workflow. */
  job: string | null;
}

/** `rule` undefined: none holds. `unknown`: something must be fetched first, and the rest says nothing. */
export interface RuleMatch {
  rule: Rule | undefined;
  why: RuleTrace[];
  unknown: boolean;
}

/** The first rule whose clauses all hold; one without any always holds. */
export function firstMatch(rules: Rule[], context: RuleContext): RuleMatch {
  const why: RuleTrace[] = [];
  for (const rule of rules) {
    const clauses = checkClauses(rule, context);
    if (clauses === undefined) return { rule: undefined, why, unknown: true };
    const { matched, note } = clauses;
    const result = matched ? (rule.when ?? context.when) : "";
    why.push({ at: rule.at, text: describe(rule), matched, values: valuesOf(rule, context), note, result });
    if (matched) return { rule, why, unknown: false };
  }
  return { rule: undefined, why, unknown: false };
}

interface Clauses {
  matched: boolean;
  note: string | null;
}

/** Only what is reached is looked at. Undefined: it must be fetched first. */
function checkClauses(rule: Rule, context: RuleContext): Clauses | undefined {
  let note: string | null = null;
  if (rule.if !== undefined) {
    const verdict = evaluate(rule.if.expression, (name) => context.variables.get(name) ?? null);
    noteSecrets(rule.if.expression, rule.at, context);
    if (!verdict.holds) return { matched: false, note: verdict.note };
  }
  for (const check of [checkChanges, checkExists]) {
    const clause = check(rule, context);
    if (clause === undefined || !clause.matched) return clause;
    note = clause.note ?? note;
  }
  return { matched: true, note };
}

function checkChanges({ changes, at }: Rule, context: RuleContext): Clauses | undefined {
  if (changes === undefined) return { matched: true, note: null };
  const base = withVariables(changes.compareTo ?? "", context);
  if (!Object.hasOwn(context.facts.changed, base)) {
    if (!context.wanted.changed.includes(base)) context.wanted.changed.push(base);
    return undefined;
  }
  const changed = context.facts.changed[base]!;
  if (changed === null) {
    noteUnknown(context, at);
    return { matched: true, note: "what changed is not known, so the rule holds" };
  }
  if (changed.length === 0) return { matched: false, note: "nothing changed" };
  return anyMatches(changes.paths, changed, context, {
    found: (path) => `${path} changed`,
    none: `none of ${changed.length === 1 ? "the 1 changed file" : `the ${changed.length} changed files`} matches`,
  });
}

function noteSecrets(expression: Expression, at: RuleTrace["at"], context: RuleContext): void {
  const { facts, variables, notes, job } = context;
  const isSecret = (name: string) => facts.secrets.includes(name) && variables.get(name) === SET(name);
  for (const name of facts.secrets.length === 0 ? [] : comparedSecrets(expression, isSecret)) {
    const message = `${at.file}:${at.line}: a rule compares the secret ${name}, of which it sees only that it is set`;
    notes.push({ code: "PLAN_SECRET_COMPARED", message, job, at });
  }
}

/** Once for a run; of tags and schedules it is a matter of course. */
function noteUnknown({ facts, notes, job }: RuleContext, at: RuleTrace["at"]): void {
  const { CI_COMMIT_TAG: tag, CI_PIPELINE_SOURCE: source } = facts.predefined;
  const code = "PLAN_CHANGES_UNKNOWN";
  if (tag !== undefined || source === "schedule" || notes.some((note) => note.code === code)) return;
  notes.push({ code, message: "what changed is not known, so that every rule on changes holds", job, at });
}

function checkExists({ exists }: Rule, context: RuleContext): Clauses | undefined {
  if (exists === undefined) return { matched: true, note: null };
  const { files } = context.facts;
  if (files === null) {
    context.wanted.files = true;
    return undefined;
  }
  return anyMatches(exists, files, context, {
    found: (path) => `there is ${path}`,
    none: "there is no such file",
  });
}

/** Beyond these a rule holds, as in GitLab. */
const MAX_COMPARISONS = 50_000;

function anyMatches(
  patterns: string[],
  paths: readonly string[],
  context: RuleContext,
  say: { found: (path: string) => string; none: string },
): Clauses {
  const expanded = patterns.map((pattern) => withVariables(pattern, context));
  const plain = new Set(expanded);
  const exact = paths.find((path) => plain.has(path));
  if (exact !== undefined) return { matched: true, note: say.found(exact) };
  const globs = expanded.filter((pattern) => /[*?[{\\]/.test(pattern));
  if (globs.length * paths.length > MAX_COMPARISONS)
    return { matched: true, note: "too many files to look at, so the rule holds" };
  for (const pattern of globs) {
    const path = paths.find(compileFileGlob(pattern));
    if (path !== undefined) return { matched: true, note: say.found(path) };
  }
  return { matched: false, note: say.none };
}

/** Only variables that are set are replaced. */
function withVariables(text: string, { variables }: RuleContext): string {
  return expandReferences(text, (name) => variables.get(name));
}

function describe(rule: Rule): string {
  const clauses = [
    rule.if && `if ${rule.if.text.trim()}`,
    rule.changes &&
      `changes ${rule.changes.paths.join(", ")}${rule.changes.compareTo === undefined ? "" : ` since ${rule.changes.compareTo}`}`,
    rule.exists && `exists ${rule.exists.join(", ")}`,
  ].filter((clause) => clause !== undefined);
  return clauses.length === 0 ? "always" : clauses.join(" and ");
}

const MAX_SHOWN = 200;

function valuesOf({ if: condition }: Rule, { variables }: RuleContext): RuleTrace["values"] {
  if (condition === undefined) return {};
  const names = [...variablesOf(condition.expression)];
  return Object.fromEntries(names.map((name) => [name, variables.get(name)?.slice(0, MAX_SHOWN) ?? null]));
}
