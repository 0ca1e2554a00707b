import { CicdError } from "../errors/cicd-error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { DISK_FULL_HINT } from "./io-error.ts";

/** From git's words (in English: LC_ALL=C) to a code; the first match counts. */
const CODES: readonly [RegExp, ErrorCode, string?][] = [
  [/No space left on device|Disk quota exceeded|Out of diskspace/, "DISK_FULL", DISK_FULL_HINT],
  [
    /dubious ownership/,
    "GIT_FAILED",
    "The repository belongs to another user; `git config --global --add safe.directory PATH` makes git trust it.",
  ],
  [/not a git repository|does not appear to be a git repository/i, "GIT_NOT_A_REPOSITORY"],
  [
    /transport '.*' not allowed|protocol '.*' is not supported|unable to find remote helper/i,
    "GIT_URL_REFUSED",
  ],
  [
    /couldn't find remote ref|unknown revision|Needed a single revision|not a valid object name|bad revision|ambiguous argument|short object ID .* is ambiguous/i,
    "GIT_REF_NOT_FOUND",
  ],
  [
    /unknown option.*(end-of-options|path-format)|bad revision '--end-of-options'/,
    "GIT_FAILED",
    "cicd needs git 2.31 or newer.",
  ],
];

/** Credentials in URLs never reach a message: `https://user:token@host` becomes `https://host`. */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s'"]*@/gi, "$1");
}

/** The error for a git process that ended with `status` and these last words on stderr. */
export function gitFailure(command: string, status: number, stderr: string): CicdError {
  const lines = withoutCredentials(stderr)
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const telling = lines.filter((line) => /^(fatal|error|remote|ssh|.*: Permission denied)\b/i.test(line));
  const words = (telling.length > 0 ? telling : lines).slice(0, 4).join("; ").slice(0, 1000);
  const [, code, hint] = CODES.find(([pattern]) => pattern.test(stderr)) ?? [null, "GIT_FAILED" as const];
  const message = `git ${command}: ${words === "" ? `exit status ${status}` : words}`;
  return new CicdError(code, message, hint === undefined ? {} : { hint });
}
