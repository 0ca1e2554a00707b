import { CicdError, messageOf } from "../errors/cicd-error.ts";
import { ERROR_CODES } from "../errors/codes.ts";
import { DetailedError } from "./detailed-error.ts";
import type { Style } from "./render/style.ts";
import { printable } from "./render/text.ts";

/** Every exception as a coded error: what nobody expected is INTERNAL. */
export function toCicdError(error: unknown): CicdError {
  if (error instanceof CicdError) return error;
  return new CicdError("INTERNAL", messageOf(error) || "an error without a message", {
    cause: error,
    hint: "this is a bug in cicd; run the same command with --verbose and report it",
  });
}

export function exitStatusOf(error: CicdError): number {
  return ERROR_CODES[error.code].exit;
}

/** `cicd: message [CODE]`, the hint on a line of its own; with `isVerbose` the causes, of a bug their stacks. */
export function renderError(error: CicdError, options: { style: Style; isVerbose: boolean }): string {
  const { style } = options;
  const message = error.message.split("\n").map(printable).join("\n  ");
  const lines = [`${style.red("cicd:")} ${message} ${style.dim(`[${error.code}]`)}`];
  if (error.hint !== undefined)
    lines.push(`  ${style.dim("hint:")} ${error.hint.split("\n").map(printable).join("\n  ")}`);
  if (options.isVerbose) {
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
      lines.push(
        error.code === "INTERNAL" ? String(cause.stack) : `  caused by: ${printable(cause.message)}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

export function toErrorJson(error: CicdError): object {
  const { code, message, hint } = error;
  const more = error instanceof DetailedError ? error.details : {};
  return { error: { code, message, hint: hint ?? null, ...more } };
}
