import type { LogSlice } from "../run/store.ts";
import { unpackLog } from "./log-codec.ts";

export interface LogChunkRow {
  byteOffset: number;
  byteLength: number;
  compressed: number | boolean;
  bytes: Uint8Array;
}

/**
 * The bytes of [`at.offset`, `at.offset + at.maxBytes`) from chunks that cover them in order; `end` and `complete` were
 * read before the chunks, so `complete` is never true too early.
 */
export function sliceLog(
  at: { offset: number; maxBytes: number },
  log: { end: number; complete: boolean },
  chunks: Iterable<LogChunkRow>,
): LogSlice {
  const until = at.offset + at.maxBytes;
  const parts: Uint8Array[] = [];
  let end = log.end;
  for (const chunk of chunks) {
    end = Math.max(end, chunk.byteOffset + chunk.byteLength);
    if (chunk.byteOffset >= until) break;
    const bytes = unpackLog({ compressed: Boolean(chunk.compressed), bytes: chunk.bytes }, chunk.byteLength);
    const from = Math.max(0, at.offset - chunk.byteOffset);
    if (from < bytes.length) parts.push(bytes.subarray(from, until - chunk.byteOffset));
  }
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  return { bytes, offset: at.offset, end, complete: log.complete };
}
