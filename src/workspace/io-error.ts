import { CicdError, messageOf } from "../errors/cicd-error.ts";

export const DISK_FULL_HINT = "Free some space; `cicd gc` removes what is no longer needed.";

/** True for a file-system error with this code (`ENOENT`, ...). */
export function hasErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? "");
}

/**
 * What a failed file operation is called: DISK_FULL, PERMISSION_DENIED or IO_FAILED. `doing` begins the message
 * ("storing artifacts"). A `CicdError` and the reason of an abort pass unchanged.
 */
export function ioError(error: unknown, doing: string): unknown {
  if (!(error instanceof Error) || error instanceof CicdError) return error;
  const errno = (error as NodeJS.ErrnoException).code;
  if (typeof errno !== "string" || !/^E[A-Z0-9]+$/.test(errno)) return error;
  const message = `${doing} failed: ${messageOf(error)}`;
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new CicdError("DISK_FULL", message, {
      hint: DISK_FULL_HINT,
      cause: error,
    });
  if (errno === "EACCES" || errno === "EPERM" || errno === "EROFS")
    return new CicdError("PERMISSION_DENIED", message, { cause: error });
  return new CicdError("IO_FAILED", message, { cause: error });
}
