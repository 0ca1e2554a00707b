import { MAX_NAME_LENGTH, NAME_PATTERN, nameProblem } from "../names.ts";
import type { Shape } from "../shape.ts";
import { dictionary } from "../shape-object.ts";

/**
 * The jobs of a pipeline by name, at least one, unless they may stand in what cannot be included. `example`: of one job. `skipped`: a
 * pattern of names that are no jobs.
 */
export function jobsOf<T>(job: Shape<T>, options: { example: string; skipped?: string }) {
  const { example, ...rest } = options;
  const some = dictionary({
    noun: "a mapping of jobs",
    of: job,
    keyProblem: nameProblem,
    keySchema: { minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN },
    atLeast: { count: 1, message: "there are no jobs", hint: `add a job: ${example}` },
    ...rest,
  });
  const read: typeof some.read = (node, context) =>
    node.kind === "map" && node.entries.size === 0 && context.report.has("CONFIG_INCLUDE_REMOTE")
      ? new Map()
      : some.read(node, context);
  return { ...some, read };
}
