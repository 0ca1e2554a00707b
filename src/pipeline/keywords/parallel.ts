import { variableNameProblem } from "../names.ts";
import type { Node } from "../node.ts";
import type { MatrixRow, Parallel } from "../pipeline.ts";
import { integer, list, mapped, oneOf, type ReadContext, type Shape } from "../shape.ts";
import { dictionary, object } from "../shape-object.ts";
import { scalarText } from "./variables.ts";

/** As many jobs as one may be multiplied to. */
export const MAX_PARALLEL = 200;

const values = list(scalarText, { noun: "a value or a list of values", atLeast: 1, single: true });

const row: Shape<MatrixRow> = mapped(
  dictionary({
    noun: "a mapping of variables and their values",
    of: values,
    keyProblem: variableNameProblem,
    keySchema: { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,254}$" },
    atLeast: { count: 1, message: "the mapping is empty", hint: "name a variable: TARGET: [linux, darwin]" },
  }),
  (read) => [...read].map(([name, { value }]) => ({ name, values: value ?? [] })),
);

/** Rows of a matrix, for jobs and for what needs some of them. */
export const matrix = list(row, { noun: "a list of mappings", atLeast: 1 });

const wholeMatrix: Shape<MatrixRow[]> = {
  ...matrix,
  read(node, context) {
    const rows = matrix.read(node, context);
    return rows === undefined || checkMatrix(rows, node, context) ? rows : undefined;
  },
};

const multiplied = object(
  {
    matrix: {
      shape: wholeMatrix,
      about: "Variables with their values; one job for every combination of a row.",
      required: "give the variables: matrix: [{ TARGET: [linux, darwin] }]",
    },
  },
  { noun: "a mapping with matrix" },
);

export const PARALLEL_KEYS = multiplied.keys!;

const count = integer(1, MAX_PARALLEL);
const counted: typeof count = {
  ...count,
  read(node, context) {
    if (node.kind !== "scalar" || typeof node.value !== "number" || node.value <= MAX_PARALLEL)
      return count.read(node, context);
    const message = `${node.written} jobs; ${MAX_PARALLEL} are allowed`;
    return context.report.error("CONFIG_PARALLEL", node.span, message, "split the work into fewer parts");
  },
};

export const parallel = mapped(
  oneOf(counted, multiplied),
  (read): Parallel =>
    typeof read === "number"
      ? { kind: "count", count: read }
      : { kind: "matrix", rows: read.values.matrix ?? [] },
);

/** The values of each instance in their order. The product of a row is never made before its size is known to be allowed. */
export function combinations(rows: MatrixRow[]): Record<string, string>[] {
  return rows.flatMap((row) =>
    row.reduce<Record<string, string>[]>(
      (made, { name, values }) => made.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
      [{}],
    ),
  );
}

/** What the instances of a job are called, in their order: `test 1/2`, or `test: [a, b]` with the values in written order. */
export function instanceNames(name: string, parallel: Parallel): string[] {
  if (parallel.kind === "count")
    return Array.from({ length: parallel.count }, (_, at) => `${name} ${at + 1}/${parallel.count}`);
  return combinations(parallel.rows).map((values) => `${name}: [${Object.values(values).join(", ")}]`);
}

/** Reports a matrix that is too large, or that makes two jobs of one name. */
function checkMatrix(rows: MatrixRow[], node: Node, { report }: ReadContext): boolean {
  const size = (row: MatrixRow) => row.reduce((product, { values }) => product * values.length, 1);
  const total = rows.reduce((sum, row) => sum + size(row), 0);
  if (total > MAX_PARALLEL) {
    const shown = total > 1e6 ? "more than a million" : total;
    const message = `the matrix makes ${shown} jobs; ${MAX_PARALLEL} are allowed`;
    report.error("CONFIG_PARALLEL", node.span, message, "take values away, or split the job");
    return false;
  }
  const seen = new Set<string>();
  for (const values of combinations(rows)) {
    const name = `[${Object.values(values).join(", ")}]`;
    if (seen.has(name)) {
      const hint = "each combination of values may stand once";
      report.error("CONFIG_PARALLEL", node.span, `two jobs would be named "${name.slice(0, 80)}"`, hint);
      return false;
    }
    seen.add(name);
  }
  return true;
}
