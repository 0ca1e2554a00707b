import type { Expression } from "../pipeline.ts";
import { isScalarOf, list, oneOf, type Shape, text, wrongType } from "../shape.ts";
import { object } from "../shape-object.ts";
import type { Span } from "../source.ts";
import { condition } from "./rules.ts";

/**
 * GitLab's older words for rules: https://docs.gitlab.com/ci/yaml/deprecated_keywords/. Each ref is an expression here that holds
 * where GitLab takes the ref to fit.
 */
export interface Policy {
  refs: Condition[] | undefined;
  variables: Condition[] | undefined;
  changes: string[] | undefined;
  span: Span;
}

export interface Condition {
  text: string;
  expression: Expression;
}

/** The words that stand for sources of runs, by the value of CI_PIPELINE_SOURCE. */
const SOURCES: Record<string, string> = {
  api: "api",
  chat: "chat",
  external: "external",
  external_pull_requests: "external_pull_request_event",
  merge_requests: "merge_request_event",
  pipelines: "pipeline",
  pushes: "push",
  schedules: "schedule",
  triggers: "trigger",
  web: "web",
};

const variable = (name: string): Expression => ({ kind: "variable", name });
const equals = (name: string, value: string): Expression => ({
  kind: "compare",
  op: "==",
  left: variable(name),
  right: { kind: "text", value },
});
const and = (left: Expression, right: Expression): Expression => ({ kind: "and", left, right });

/** Runs of merge requests have no branch and no tag. */
const NO_MERGE_REQUEST: Expression = {
  kind: "compare",
  op: "!=",
  left: variable("CI_PIPELINE_SOURCE"),
  right: { kind: "text", value: "merge_request_event" },
};
const NO_TAG: Expression = {
  kind: "compare",
  op: "==",
  left: variable("CI_COMMIT_TAG"),
  right: { kind: "null" },
};

/** What a job without `only` is in: branches and tags. */
export const BRANCHES_AND_TAGS: Condition = { text: "branches and tags", expression: NO_MERGE_REQUEST };

const ref: Shape<Condition> = {
  noun: "a ref",
  schema: { type: "string" },
  accepts: (node) => isScalarOf(node, "string"),
  read(node, context) {
    if (!isScalarOf(node, "string")) return wrongType(node, this.noun, context);
    const said = node.value;
    const found = (expression: Expression): Condition => ({ text: said, expression });
    if (said === "branches") return found(and(NO_TAG, NO_MERGE_REQUEST));
    if (said === "tags") return found(variable("CI_COMMIT_TAG"));
    if (Object.hasOwn(SOURCES, said)) return found(equals("CI_PIPELINE_SOURCE", SOURCES[said]!));
    if (said.startsWith("/")) return pattern(said, node.span, context);
    if (!said.includes("@") && said.trim() !== "") {
      return found(and(equals("CI_COMMIT_REF_NAME", said), NO_MERGE_REQUEST));
    }
    const hint = "which project this is cannot be told here: leave out what follows the @";
    return context.report.error(
      "CONFIG_ONLY_EXCEPT",
      node.span,
      `"${said.slice(0, 80)}" cannot be decided here`,
      hint,
    );
  },
};

/** A pattern for the names of branches and tags; it is read as the right side of an expression. */
const pattern = (said: string, span: Span, { report }: Parameters<Shape<Condition>["read"]>[1]) => {
  const { parseExpression } =
    require("../expression/parse-expression.ts") as typeof import("../expression/parse-expression.ts");
  const match = parseExpression(`$CI_COMMIT_REF_NAME =~ ${said}`);
  if (!("problem" in match)) return { text: said, expression: and(match, NO_MERGE_REQUEST) };
  const { code, message, hint } = match.problem;
  return report.error(code === "CONFIG_REGEX" ? code : "CONFIG_ONLY_EXCEPT", span, message, hint);
};

const refs = list(ref, { noun: "a ref or a list of refs", atLeast: 1, single: true });

const path = text({ noun: "a path or pattern", schema: { minLength: 1 } });

const full = object(
  {
    refs: { shape: refs, about: "Branches, tags, patterns and sources." },
    variables: {
      shape: list(condition, { noun: "a list of expressions", atLeast: 1 }),
      about: "Expressions of which one has to hold.",
    },
    changes: {
      shape: list(path, { noun: "a list of paths", atLeast: 1 }),
      about: "Patterns of changed files.",
    },
  },
  {
    noun: "a mapping with refs, variables and changes",
    onUnknown: (key, _value, keySpan, { report }) => {
      if (key !== "kubernetes") return false;
      const hint = "cicd knows of no cluster: write rules on variables";
      report.error("CONFIG_ONLY_EXCEPT", keySpan, '"kubernetes" cannot be decided here', hint);
      return true;
    },
  },
);

const either = oneOf(refs, full);

const policy: Shape<Policy> = {
  ...either,
  read(node, context) {
    const read = either.read(node, context);
    if (read === undefined) return undefined;
    const { refs, variables, changes } = Array.isArray(read)
      ? { refs: read, variables: undefined, changes: undefined }
      : { refs: read.values.refs, variables: read.values.variables, changes: read.values.changes };
    return { refs, variables, changes, span: node.span };
  },
};

export const only = policy;
export const except = policy;
