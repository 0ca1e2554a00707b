import { isScalarOf, type Shape, word } from "../shape.ts";

/** One of the words that say when a job runs. `delayed` is known, and refused. */
function moment<const W extends string>(words: readonly W[], elsewhere: Record<string, string>): Shape<W> {
  const shape = word(words, elsewhere);
  return {
    ...shape,
    read(node, context) {
      if (!isScalarOf(node, "string") || node.value !== "delayed") return shape.read(node, context);
      const hint = "use when: manual, or sleep in the script";
      return context.report.error("CONFIG_NOT_SUPPORTED", node.span, '"delayed" is not supported yet', hint);
    },
  };
}

export const jobWhen = moment(["on_success", "on_failure", "always", "manual"], {
  never: '"never" is for rules only; to leave a job out, remove it or comment it out',
});

export const ruleWhen = moment(["on_success", "on_failure", "always", "manual", "never"], {});

/** Of the run as a whole. */
export const workflowWhen = moment(["always", "never"], {
  on_success: 'a run is made or not: write "always" or "never"',
  manual: 'a run is made or not: write "always" or "never"',
});
