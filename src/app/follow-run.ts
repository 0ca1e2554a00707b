import type { RunEvent } from "../run/records.ts";

/** What a follower of a run sees, in order per job. `text` bytes are as stored: masked and sanitized. */
export type FollowItem =
  | { kind: "event"; event: RunEvent }
  | { kind: "log"; job: string; attempt: number; offset: number; bytes: Uint8Array };
