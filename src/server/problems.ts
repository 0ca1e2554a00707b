import { PROBLEM_MEDIA_TYPE, type Problem, problemType } from "../api/problem.ts";
import { type CheckedFile, toSentFiles } from "../app/check-pipelines.ts";
import type { LoadedFile } from "../app/run-request.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { ERROR_CODES, type ErrorCode } from "../errors/codes.ts";
import { HTTP_STATUS } from "./http-status.ts";

/** A request that is refused for what HTTP knows and the codes do not: a method, a media type, a range. */
export class RequestRefused extends CicdError {
  constructor(
    readonly status: number,
    code: ErrorCode,
    message: string,
    options: { hint?: string; headers?: Record<string, string> } = {},
  ) {
    super(code, message, options.hint === undefined ? {} : { hint: options.hint });
    this.headers = options.headers ?? {};
  }

  readonly headers: Record<string, string>;
}

/** Pipeline files with errors, to be shown by whoever sent them. */
export class InvalidFiles extends CicdError {
  readonly files: CheckedFile[];

  constructor(files: LoadedFile[]) {
    const broken = files.filter(({ pipeline }) => pipeline === undefined).map(({ file }) => file);
    super("CONFIG_INVALID", `pipeline files with errors: ${broken.join(", ")}`, {
      hint: "nothing was started",
    });
    this.files = toSentFiles(files);
  }
}

const RETRY_AFTER: Partial<Record<ErrorCode, string>> = {
  STORE_UNREACHABLE: "2",
  STORE_BUSY: "2",
  DOCKER_UNREACHABLE: "5",
  SHARED_STORE_FAILED: "5",
  SERVER_BUSY: "5",
};

/** Every exception as a coded error. Of a bug nothing is told but that it is one. */
export function toCicdError(error: unknown): CicdError {
  if (error instanceof CicdError) return error;
  return new CicdError("INTERNAL", "a bug in cicd; the log of the server has more", { cause: error });
}

export function problemResponse(error: CicdError): Response {
  const status = error instanceof RequestRefused ? error.status : HTTP_STATUS[error.code];
  const problem: Problem = {
    type: problemType(error.code),
    title: ERROR_CODES[error.code].meaning,
    status,
    code: error.code,
    detail: error.message.toWellFormed(),
    hint: error.hint?.toWellFormed() ?? null,
    ...(error instanceof InvalidFiles ? { files: error.files } : {}),
  };
  const headers = new Headers(error instanceof RequestRefused ? error.headers : {});
  headers.set("content-type", PROBLEM_MEDIA_TYPE);
  const retryAfter = RETRY_AFTER[error.code];
  if (retryAfter !== undefined) headers.set("retry-after", retryAfter);
  if (status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(problem), { status, headers });
}
