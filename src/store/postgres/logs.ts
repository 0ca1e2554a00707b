import type { LogChunk, LogSlice } from "../../run/store.ts";
import { type PackedChunk, packLog } from "../log-codec.ts";
import { type LogChunkRow, sliceLog } from "../log-slice.ts";
import type { Session } from "./postgres-connection.ts";
import { isUniqueViolation } from "./postgres-errors.ts";

/**
 * One statement. It waits for a finish of the attempt that is under way; of two that append at the same place one breaks
 * the unique key and finds a gap. A
 * repeated call takes the chunk for stored where the first one has left it.
 */
export async function appendLog(
  db: Session,
  chunk: LogChunk,
  isRepeated: boolean,
): Promise<"stored" | "gap"> {
  if (chunk.bytes.length === 0) return appendNothing(db, chunk);
  const packed = packLog(chunk.bytes);
  const answer = await insertChunk(db, chunk, packed);
  return answer === "gap" && isRepeated && (await isStored(db, chunk, packed)) ? "stored" : answer;
}

async function insertChunk(db: Session, chunk: LogChunk, packed: PackedChunk): Promise<"stored" | "gap"> {
  try {
    const stored = await db.run(
      `WITH holder AS (
         SELECT id FROM attempts WHERE job_id = $1 AND number = $2 AND outcome IS NULL FOR SHARE
       ), last AS (
         SELECT seq, byte_offset + byte_length AS "end" FROM log_chunks
         WHERE attempt_id = (SELECT id FROM holder) ORDER BY seq DESC LIMIT 1
       )
       INSERT INTO log_chunks (attempt_id, seq, byte_offset, byte_length, compressed, bytes)
       SELECT id, coalesce((SELECT seq FROM last), 0) + 1, $3, $4, $5, $6 FROM holder
       WHERE coalesce((SELECT "end" FROM last), 0) = $3`,
      ...[chunk.jobId, chunk.attempt, chunk.offset, chunk.bytes.length, packed.compressed, packed.bytes],
    );
    return stored === 1 ? "stored" : "gap";
  } catch (error) {
    if (isUniqueViolation(error)) return "gap";
    throw error;
  }
}

async function isStored(db: Session, chunk: LogChunk, packed: PackedChunk): Promise<boolean> {
  const row = await db.get(
    `SELECT 1 FROM log_chunks JOIN attempts ON attempts.id = attempt_id
     WHERE job_id = $1 AND number = $2 AND byte_offset = $3 AND byte_length = $4 AND bytes = $5`,
    ...[chunk.jobId, chunk.attempt, chunk.offset, chunk.bytes.length, packed.bytes],
  );
  return row !== undefined;
}

export async function readLog(
  db: Session,
  at: { jobId: string; attempt: number; offset: number; maxBytes: number },
): Promise<LogSlice> {
  const log = await readStoredLog(db, at.jobId, at.attempt);
  if (log === undefined) return { bytes: new Uint8Array(0), offset: at.offset, end: 0, complete: false };
  const chunks = await db.all<LogChunkRow>(
    `SELECT byte_offset AS "byteOffset", byte_length AS "byteLength", compressed, bytes FROM log_chunks
     WHERE attempt_id = $1 AND byte_offset < $3 AND byte_offset >= coalesce(
       (SELECT max(byte_offset) FROM log_chunks WHERE attempt_id = $1 AND byte_offset <= $2), 0)
     ORDER BY byte_offset`,
    ...[log.attemptId, at.offset, at.offset + at.maxBytes],
  );
  return sliceLog(at, log, chunks);
}

async function appendNothing(db: Session, chunk: LogChunk): Promise<"stored" | "gap"> {
  const log = await readStoredLog(db, chunk.jobId, chunk.attempt);
  return log === undefined || log.complete || log.end !== chunk.offset ? "gap" : "stored";
}

async function readStoredLog(db: Session, jobId: string, attempt: number) {
  return db.get<{ attemptId: number; complete: boolean; end: number }>(
    `SELECT attempts.id AS "attemptId", outcome IS NOT NULL AS complete,
       coalesce(byte_offset + byte_length, 0) AS "end"
     FROM attempts LEFT JOIN log_chunks ON attempt_id = attempts.id
     WHERE job_id = $1 AND number = $2
     ORDER BY seq DESC NULLS LAST LIMIT 1`,
    ...[jobId, attempt],
  );
}
