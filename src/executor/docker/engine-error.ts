import { CicdError, messageOf } from "../../errors/cicd-error.ts";

/** The HTTP status of an answer of the engine; undefined where no answer came. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === "number" ? status : undefined;
}

/** Docker's own words, without dockerode's frame around them. */
export function dockerMessage(error: unknown): string {
  const body = (error as { json?: unknown } | null)?.json;
  const message = (body as { message?: unknown } | null)?.message;
  return typeof message === "string" && message !== ""
    ? message.replace(/\s+/g, " ").trim()
    : messageOf(error);
}

/** What dockerode threw while `doing` ("create the container"), as a DOCKER_FAILED or DOCKER_UNREACHABLE. */
export function engineError(error: unknown, doing: string, host: string): CicdError {
  if (error instanceof CicdError) return error;
  if (statusOf(error) !== undefined) {
    return new CicdError("DOCKER_FAILED", `Docker could not ${doing}: ${dockerMessage(error)}`, {
      cause: error,
    });
  }
  const code = (error as { code?: unknown } | null)?.code;
  const denied = code === "EACCES" || code === "EPERM";
  return new CicdError(
    "DOCKER_UNREACHABLE",
    `The Docker engine does not answer at ${host} (${messageOf(error)}).`,
    {
      hint: denied
        ? "The socket may not be opened by this user: add the user to the group docker, or use rootless Docker."
        : "Start Docker, or name its address with DOCKER_HOST. `cicd doctor` says more; `--executor shell` runs jobs without Docker.",
      cause: error,
    },
  );
}

/** Awaits an answer of the engine and maps what it throws. */
export async function ask<T>(host: string, doing: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw engineError(error, doing, host);
  }
}

/** Awaits an answer for which one of these statuses is as good as success. */
export async function askLeniently<T>(
  host: string,
  doing: string,
  answer: Promise<T>,
  accepted: number[],
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const status = statusOf(error);
    if (status !== undefined && accepted.includes(status)) return undefined;
    throw engineError(error, doing, host);
  }
}
