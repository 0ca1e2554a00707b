import * as v from "valibot";
import { PROBLEM, PROBLEM_MEDIA_TYPE } from "../api/problem.ts";
import type { CheckedFile } from "../app/check-pipelines.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { ErrorCode } from "../errors/codes.ts";

const MAX_PROBLEM_BYTES = 64 * 1024 * 1024;
const TOKEN_HINT = "put a token of that server into CICD_TOKEN, or `token` of the settings file";
const VERSION_HINT = "cicd here and the server may be of different versions: cicd --version";
const NO_SERVER_HINT = "check the address (--server, CICD_SERVER) and what stands between here and there";

/** A failed answer, with the pipeline files that the server found invalid. */
export class ServerProblem extends CicdError {
  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string },
    readonly files: CheckedFile[],
    readonly status: number,
  ) {
    super(code, message, options);
  }
}

/**
 * The error that a failed answer means: a problem's own code, message and hint (for people), or SERVER_FAILED for whatever is not of a
 * cicd server. What such an answer holds is not repeated: it may be a page of a proxy.
 */
export async function readProblem(response: Response, address: string): Promise<CicdError> {
  const { status } = response;
  const said = `the server at ${address} answered with status ${status}`;
  if (!isOfType(response, PROBLEM_MEDIA_TYPE)) {
    await response.body?.cancel();
    const message = `${said}, which is no answer of a cicd server`;
    return new ServerProblem("SERVER_FAILED", message, { hint: NO_SERVER_HINT }, [], status);
  }
  const problem = v.safeParse(PROBLEM, await readJson(response, address, MAX_PROBLEM_BYTES));
  if (!problem.success) return oddAnswer(address, v.summarize(problem.issues));
  const { code, detail, hint, files } = problem.output;
  const wayOn = code === "UNAUTHORIZED" ? TOKEN_HINT : isForPrograms(hint) ? VERSION_HINT : hint;
  const options = wayOn === null ? {} : { hint: wayOn };
  return new ServerProblem(code, detail, options, (files as CheckedFile[] | undefined) ?? [], status);
}

/** It names a place of the API. */
function isForPrograms(hint: string | null): boolean {
  return hint !== null && /\/api\//.test(hint);
}

/** A redirect is not followed: the token is for this address alone. */
export function redirected(response: Response, address: string): CicdError {
  const location = response.headers.get("location");
  const target = location === null ? null : URL.parse(location, address);
  const where = target === null ? "elsewhere" : `to ${target.origin}`;
  return new CicdError("SERVER_FAILED", `the server at ${address} redirects ${where}`, {
    hint: "set the address that it redirects to, if it is the one that you mean",
  });
}

/**
 * The value of a JSON answer, as it was sent once its schema has accepted it. Throws SERVER_FAILED where it is none.
 */
export async function readAnswer<S extends v.GenericSchema>(
  response: Response,
  schema: S,
  address: string,
): Promise<v.InferOutput<S>> {
  const value = await readJson(response, address);
  const checked = v.safeParse(schema, value);
  if (!checked.success) throw oddAnswer(address, v.summarize(checked.issues));
  return value as v.InferOutput<S>;
}

/** SERVER_FAILED for something that was understood as HTTP and no further. */
export function oddAnswer(address: string, why: string): CicdError {
  return new CicdError("SERVER_FAILED", `the server at ${address} sent what is no answer of a cicd server`, {
    hint: `${NO_SERVER_HINT}, and that both run the same version`,
    cause: new Error(why.slice(0, 2_000)),
  });
}

export function isOfType(response: Response, mediaType: string): boolean {
  const given = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  return given === mediaType;
}

async function readJson(response: Response, address: string, maxBytes = Infinity): Promise<unknown> {
  if (!isOfType(response, "application/json") && !isOfType(response, PROBLEM_MEDIA_TYPE)) {
    await response.body?.cancel();
    throw oddAnswer(address, `its type is ${response.headers.get("content-type") ?? "not given"}`);
  }
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw oddAnswer(address, "it is too long");
  }
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw oddAnswer(address, error instanceof Error ? error.message : String(error));
  }
}

/** Of a server that is not ready, or of a proxy before one that restarts. */
const PASSING_STATUSES = [502, 503, 504];

/** The server cannot be reached, or does not answer for now. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof CicdError)) return false;
  if (error instanceof ServerProblem) return PASSING_STATUSES.includes(error.status);
  return error.code === "SERVER_UNREACHABLE";
}
