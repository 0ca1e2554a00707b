import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { EpochMs } from "../run/records.ts";

/**
 * Named contents that every host of a team reaches. Keys are `[a-z0-9./-]+`. What fails is thrown as the driver throws it;
 * `SharedStore` retries and names it.
 */
export interface ObjectStore {
  /** For people, without secrets. */
  readonly address: string;
  /** Stores the content of a file of this host: visible whole or not at all, in place of what was there. */
  put(key: string, file: string): Promise<void>;
  /** Undefined: there is none. Must be read to its end or canceled. */
  get(key: string): Promise<ReadableStream<Uint8Array> | undefined>;
  stat(key: string): Promise<StoredObject | undefined>;
  /** Nothing happens where there is none. */
  delete(key: string): Promise<void>;
  /** Those whose key begins so, in any order. */
  list(prefix: string): AsyncIterable<StoredObject>;
}

export interface StoredObject {
  key: string;
  sizeBytes: number;
  modifiedAt: EpochMs;
}

/** Asking again does not help against these. */
const LASTING = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOSPC",
  "EDQUOT",
  "ENOTDIR",
  "EISDIR",
  "AccessDenied",
  "AccountProblem",
  "InvalidAccessKeyId",
  "InvalidBucketName",
  "InvalidObjectName",
  "NoSuchBucket",
  "PermanentRedirect",
  "SignatureDoesNotMatch",
  "ERR_S3_INVALID_ENDPOINT",
  "ERR_S3_INVALID_PATH",
  "ERR_S3_INVALID_SIGNATURE",
  "ERR_S3_MISSING_CREDENTIALS",
]);

function codeOf(error: unknown): string {
  return error instanceof Error ? String((error as NodeJS.ErrnoException).code ?? "") : "";
}

/** Whether the same call may succeed a little later. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof CicdError) && !LASTING.has(codeOf(error));
}

export function sharedStoreFailed(address: string, error: unknown): CicdError {
  const code = codeOf(error);
  const words =
    code === "" || messageOf(error).includes(code) ? messageOf(error) : `${messageOf(error)} (${code})`;
  return new CicdError("SHARED_STORE_FAILED", `The shared store ${address} failed: ${words}.`, {
    hint: address.startsWith("s3:")
      ? "See that the bucket exists, and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL are right on this host."
      : "See that the directory is mounted on this host, writable, and has room.",
    cause: error,
  });
}
