import { BRANCHES_AND_TAGS, type Condition, type Policy } from "../keywords/only-except.ts";
import type { Rule } from "../pipeline.ts";
import { placeOf, type Span } from "../source.ts";

/**
 * `only` and `except` as rules; undefined where there is neither. What `except` names leaves the job out first, each of its keys by
 * itself; of `only` all keys have to hold. Without `only` it is branches and tags, unless rules of the workflow decide that.
 */
export function onlyExceptRules(
  only: Policy | undefined,
  except: Policy | undefined,
  hasWorkflowRules: boolean,
): Rule[] | undefined {
  if (only === undefined && except === undefined) return undefined;
  const rules: Rule[] = except === undefined ? [] : exceptRules(except);
  if (only === undefined) {
    const condition = hasWorkflowRules ? undefined : BRANCHES_AND_TAGS;
    return [...rules, rule(except!.span, { condition })];
  }
  const { refs, variables, changes, span } = only;
  const condition = both(
    anyOf("only", refs ?? [BRANCHES_AND_TAGS]),
    variables && anyOf("only:variables", variables),
  );
  return [...rules, rule(span, { condition, changes })];
}

function exceptRules({ refs, variables, changes, span }: Policy): Rule[] {
  const never = (said: { condition?: Condition; changes?: string[] }) =>
    rule(span, { ...said, when: "never" });
  return [
    ...(refs === undefined ? [] : [never({ condition: anyOf("except", refs) })]),
    ...(variables === undefined ? [] : [never({ condition: anyOf("except:variables", variables) })]),
    ...(changes === undefined ? [] : [never({ changes })]),
  ];
}

function anyOf(key: string, conditions: Condition[]): Condition {
  const expression = conditions
    .map((condition) => condition.expression)
    .reduce((left, right) => ({ kind: "or", left, right }));
  return { text: `${key}: ${conditions.map(({ text }) => text).join(", ")}`, expression };
}

function both(first: Condition, second: Condition | undefined): Condition {
  if (second === undefined) return first;
  const expression = { kind: "and" as const, left: first.expression, right: second.expression };
  return { text: `${first.text}; ${second.text}`, expression };
}

function rule(
  span: Span,
  {
    condition,
    changes,
    when,
  }: { condition?: Condition | undefined; changes?: string[] | undefined; when?: "never" },
): Rule {
  return {
    if: condition,
    changes: changes === undefined ? undefined : { paths: changes, compareTo: undefined },
    exists: undefined,
    when,
    startInMs: undefined,
    allowFailure: undefined,
    variables: {},
    needs: undefined,
    interruptible: undefined,
    at: placeOf(span),
  };
}
