import type { Node } from "../node.ts";
import type { Expression } from "../pipeline.ts";
import {
  isScalarOf,
  type JsonSchema,
  list,
  oneOf,
  type ReadContext,
  type Shape,
  text,
  truth,
  wrongType,
} from "../shape.ts";
import { object } from "../shape-object.ts";
import { MAX_SCRIPT_NESTING } from "../shape-script.ts";
import type { Span } from "../source.ts";
import { allowFailure } from "./failure.ts";
import { passOver } from "./leftovers.ts";
import { needs } from "./needs.ts";
import { variables } from "./variables.ts";
import { ruleWhen, startIn, workflowWhen } from "./when.ts";

/** The conditions under which a job, or a run, is made. */

/** An expression with its text as written. */
export const condition: Shape<{ text: string; expression: Expression }> = {
  noun: "an expression",
  schema: { type: "string", pattern: "\\S" },
  accepts: (node) => isScalarOf(node, "string"),
  read(node, context) {
    if (!isScalarOf(node, "string"))
      return wrongType(node, this.noun, context, 'write it like $DEPLOY == "yes"');
    const { parseExpression } =
      require("../expression/parse-expression.ts") as typeof import("../expression/parse-expression.ts");
    const expression = parseExpression(node.value);
    if (!("problem" in expression)) return { text: node.value.trim(), expression };
    const { code, message, hint, start, end } = expression.problem;
    return context.report.error(code, within(node.span, node.value, start, end), message, hint);
  },
};

/** The part of a scalar's text in the file, where it stands there as it is, or the whole scalar. */
function within(span: Span, value: string, start: number, end: number): Span {
  const written = span.source.text.slice(span.start, span.end);
  const offset = written.indexOf(value);
  if (offset < 0 || offset > 1) return span;
  const first = span.start + offset + Math.min(start, value.length);
  return { ...span, start: first, end: Math.max(first + 1, span.start + offset + end) };
}

const path = text({
  noun: "a path or pattern",
  problem: (value) =>
    value.trim() === "" || value.includes("\0")
      ? { message: "a pattern cannot be empty or hold a NUL character", hint: 'for everything write "**/*"' }
      : undefined,
  schema: { minLength: 1 },
});
const paths = list(path, { noun: "a list of paths" });

const changed = object(
  {
    paths: { shape: paths, about: "Patterns of files.", required: "name files: paths: [src/**/*]" },
    compare_to: { shape: path, about: "Branch, tag or commit to compare with." },
  },
  { noun: "a mapping with paths and compare_to" },
);

const existing = object(
  { paths: { shape: paths, about: "Patterns of files.", required: "name files: paths: [Dockerfile]" } },
  { noun: "a mapping with paths", onUnknown: refuseOtherProject },
);

function refuseOtherProject(key: string, _value: Node, keySpan: Span, { report }: ReadContext): boolean {
  if (key !== "project" && key !== "ref") return false;
  const hint = "files can be looked for in the run's own tree alone";
  report.error("CONFIG_INCLUDE_REMOTE", keySpan, `exists:${key} needs another project`, hint);
  return true;
}

export const clauses = {
  if: { shape: condition, about: 'An expression over variables, such as $CI_COMMIT_BRANCH == "main".' },
  changes: { shape: oneOf(paths, changed), about: "Holds when a file that matches was changed." },
  exists: { shape: oneOf(paths, existing), about: "Holds when a file that matches is in the tree." },
};

export const rule = object(
  {
    ...clauses,
    when: { shape: ruleWhen, about: "When the job runs if the rule holds. Default: as the job says." },
    start_in: { shape: startIn, about: "How long a delayed job waits. Default: as the job says." },
    allow_failure: { shape: allowFailure, about: "Replaces allow_failure of the job." },
    variables: { shape: variables, about: "Variables added to those of the job." },
    needs: { shape: needs, about: "Replaces needs of the job." },
    interruptible: { shape: truth(), about: "Replaces interruptible of the job." },
  },
  { noun: "a mapping with if, changes, exists and when" },
);

export const workflowRule = object(
  {
    ...clauses,
    when: { shape: workflowWhen, about: "Whether there is a run. Default: always." },
    variables: { shape: variables, about: "Variables added to those of the pipeline." },
  },
  { noun: "a mapping with if, changes, exists and when", onUnknown: passOver("workflow") },
);

function nested(below: JsonSchema, item: Shape<unknown>): JsonSchema {
  return { type: "array", items: { anyOf: [below, item.schema] } };
}

/** A list in which lists of items may stand, as anchors bring them. */
export function flatList<T>(item: Shape<T>, noun: string): Shape<T[]> {
  const shape = list(item, { noun });
  return {
    ...shape,
    schema: nested(nested({ type: "array" }, item), item),
    read(node, context) {
      if (node.kind !== "list" || !node.items.some(({ kind }) => kind === "list"))
        return shape.read(node, context);
      return shape.read({ ...node, items: flatItems(node.items, 1) }, context);
    },
  };
}

function flatItems(items: Node[], level: number): Node[] {
  return items.flatMap((item) =>
    item.kind === "list" && level < MAX_SCRIPT_NESTING ? flatItems(item.items, level + 1) : [item],
  );
}

export const rules = flatList(rule, "a list of rules");

export const workflow = object(
  {
    rules: { shape: flatList(workflowRule, "a list of rules"), about: "Whether there is a run at all." },
  },
  { noun: "a mapping with rules", onUnknown: passOver("workflow") },
);
