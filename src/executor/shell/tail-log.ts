import { open, truncate } from "node:fs/promises";
import { settlesWithin } from "../attempt/deadline.ts";
import { isErrno } from "./attempt-directory.ts";

const CHUNK_BYTES = 256 * 1024;
const POLL_MS = 40;
/** What a log that nobody reads any more may grow to between two looks at it. */
const UNREAD_BYTES = 1_000_000;

/**
 * Follows a growing file from `offset` on until `ended`, then to its end; `closed` ends it at once. When the reader
 * leaves early the file is kept short from then on, so that a job that prints without end does not fill the disk.
 */
export async function* tailLog(
  path: string,
  offset: number,
  ended: Promise<void>,
  closed: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const file = await open(path, "a+");
  let position = offset;
  let readToEnd = false;
  try {
    while (!closed.aborted) {
      const last = isOver;
      const { bytesRead, buffer } = await file.read(
        Buffer.allocUnsafe(CHUNK_BYTES),
        0,
        CHUNK_BYTES,
        position,
      );
      if (bytesRead > 0) {
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      } else if (last) {
        readToEnd = true;
        return;
      } else {
        await settlesWithin(ended, POLL_MS);
      }
    }
  } finally {
    await file.close();
    if (!readToEnd && !closed.aborted) void keepShort(path, () => isOver || closed.aborted, ended);
  }
}

async function keepShort(path: string, isOver: () => boolean, ended: Promise<void>): Promise<void> {
  while (!isOver()) {
    try {
      if (Bun.file(path).size > UNREAD_BYTES) await truncate(path, 0);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
    }
    await settlesWithin(ended, POLL_MS);
  }
}
