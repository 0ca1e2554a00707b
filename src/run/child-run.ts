import { createHash } from "node:crypto";
import type { AttemptId } from "./attempt-log.ts";

/** What tells the run that an attempt has started from all others: asking for it again finds it. */
export function childDelivery({ jobId, attempt }: AttemptId): string {
  return `child:${jobId}:${attempt}`;
}

/** The id of that run. */
export function childRunId(attempt: AttemptId): string {
  return createHash("sha256").update(childDelivery(attempt)).digest("hex").slice(0, 25);
}
