import * as v from "valibot";
import { ERROR_CODES, type ErrorCode } from "../errors/codes.ts";
import { CHECKED_FILE } from "./shapes.ts";

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/**
 * RFC 9457. `code` is the CLI's; `title` says what the code means, `detail` what happened, `hint` what to do. `files` stand
 * with CONFIG_INVALID.
 */
export const PROBLEM = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
  code: v.picklist(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  detail: v.string(),
  hint: v.nullable(v.string()),
  files: v.exactOptional(v.array(CHECKED_FILE)),
});

export type Problem = v.InferOutput<typeof PROBLEM>;

export function problemType(code: ErrorCode): string {
  return `urn:cicd:problem:${code}`;
}
