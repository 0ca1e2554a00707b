import { mapped, text, word } from "../shape.ts";
import { duration } from "./values.ts";

/** When a job runs, and what it waits for besides other jobs. */

export const jobWhen = word(["on_success", "on_failure", "always", "manual", "delayed"], {
  never: '"never" is for rules only; to leave a job out, remove it or comment it out',
});

export const ruleWhen = word(["on_success", "on_failure", "always", "manual", "delayed", "never"], {});

/** Of the run as a whole. */
export const workflowWhen = word(["always", "never"], {
  on_success: 'a run is made or not: write "always" or "never"',
  manual: 'a run is made or not: write "always" or "never"',
  delayed: 'a run is made or not: write "always" or "never"',
});

const MAX_DELAY_MS = 7 * 86_400_000;

export const startIn = mapped(
  duration({ maximumMs: MAX_DELAY_MS, never: false, tooLong: "CONFIG_START_IN" }),
  (value) => value as number,
);

export const resourceGroup = text({
  noun: "the name of a resource group",
  problem: (value) =>
    value.trim() === "" || value.includes("\0")
      ? { message: "a resource group has a name", hint: "write it like resource_group: production" }
      : undefined,
  schema: { minLength: 1 },
});
