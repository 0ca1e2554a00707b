import type { DiagnosticCode } from "../diagnostic.ts";
import { DURATION_PATTERN, formatDuration, parseDuration } from "../duration.ts";
import { MAX_NAME_LENGTH, NAME_PATTERN, nameProblem, type TextProblem } from "../names.ts";
import { integer, isScalarOf, type JsonSchema, list, mapped, type Shape, text, wrongType } from "../shape.ts";

/** Shapes of values that several keywords share. */

export const MAX_TIMEOUT_MS = 14 * 24 * 3_600_000;

export const name = (noun: string) =>
  text({
    noun,
    code: "CONFIG_INVALID_NAME",
    problem: nameProblem,
    schema: { minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN },
  });

export const plainText = text({ noun: "a text", problem: noNul });

function noNul(value: string): TextProblem | undefined {
  return value.includes("\0") ? { message: "the text holds a NUL character", hint: "remove it" } : undefined;
}

/** Milliseconds. A whole number counts seconds. */
export function duration(options: {
  maximumMs: number;
  never: boolean;
  /** Of one over the maximum. */
  tooLong?: DiagnosticCode;
}): Shape<number | "never"> {
  const hint = `write it like 90s, 10m or 3h 30m${options.never ? ", or never" : ""}`;
  return {
    noun: "a duration",
    schema: { type: ["string", "integer"], pattern: DURATION_PATTERN },
    accepts: (node) => isScalarOf(node, "string") || isScalarOf(node, "number"),
    read(node, context) {
      if (node.kind !== "scalar" || node.value === null || typeof node.value === "boolean") {
        return wrongType(node, "a duration", context, hint);
      }
      const said = typeof node.value === "string" ? node.value : node.written;
      if (options.never && said.trim() === "never") return "never";
      const milliseconds = parseDuration(said);
      const fail = (message: string, mend: string) =>
        context.report.error("CONFIG_INVALID_DURATION", node.span, message, mend);
      if (milliseconds === undefined) return fail(`"${said.slice(0, 80)}" is not a duration`, hint);
      if (milliseconds <= 0) return fail("the duration is zero", "write at least 1s");
      if (milliseconds > options.maximumMs) {
        const message = `"${said.slice(0, 80)}" is too long`;
        const mend = `at most ${formatDuration(options.maximumMs)} is allowed`;
        return context.report.error(options.tooLong ?? "CONFIG_INVALID_DURATION", node.span, message, mend);
      }
      return milliseconds;
    },
  };
}

const NEVER: JsonSchema = { type: "string", const: "never" };
export const expiry: Shape<number | "never"> = (() => {
  const shape = duration({ maximumMs: 100 * 365.25 * 86_400_000, never: true });
  return { ...shape, schema: { anyOf: [shape.schema, NEVER] } };
})();

export const timeout = mapped(
  duration({ maximumMs: MAX_TIMEOUT_MS, never: false }),
  (value) => value as number,
);

const exitCode = integer(0, 255);
export const exitCodes = list(exitCode, { noun: "an exit code or a list of them", atLeast: 1, single: true });
