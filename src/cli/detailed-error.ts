import { CicdError } from "../errors/cicd-error.ts";
import type { ErrorCode } from "../errors/codes.ts";

/** An error with further facts for `--json`. */
export class DetailedError extends CicdError {
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: { hint: string; details: Record<string, unknown> }) {
    super(code, message, { hint: options.hint });
    this.details = options.details;
  }
}
