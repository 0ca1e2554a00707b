import type { LogChunk, LogSlice } from "../../run/store.ts";
import type { PackedChunk } from "../log-codec.ts";
import { type LogChunkRow, sliceLog } from "../log-slice.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

interface StoredLog {
  attemptId: number;
  complete: boolean;
  lastSeq: number;
  end: number;
}

/** Inside a write transaction. `packed` is the chunk's bytes, undefined for none. */
export function appendLog(
  db: SqliteConnection,
  chunk: LogChunk,
  packed: PackedChunk | undefined,
): "stored" | "gap" {
  const log = readStoredLog(db, chunk.jobId, chunk.attempt);
  if (log === undefined || log.complete || log.end !== chunk.offset) return "gap";
  if (packed === undefined) return "stored";
  db.run(
    `INSERT INTO log_chunks (attempt_id, seq, byte_offset, byte_length, compressed, bytes)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
    ...[log.attemptId, log.lastSeq + 1, chunk.offset, chunk.bytes.length],
    ...[Number(packed.compressed), packed.bytes],
  );
  return "stored";
}

export function readLog(
  db: SqliteConnection,
  at: { jobId: string; attempt: number; offset: number; maxBytes: number },
): LogSlice {
  const log = readStoredLog(db, at.jobId, at.attempt);
  if (log === undefined) return { bytes: new Uint8Array(0), offset: at.offset, end: 0, complete: false };
  const chunks = db.iterate<LogChunkRow>(
    `SELECT byte_offset AS byteOffset, byte_length AS byteLength, compressed, bytes FROM log_chunks
     WHERE attempt_id = ?1 AND byte_offset < ?3 AND byte_offset >= ifnull(
       (SELECT max(byte_offset) FROM log_chunks WHERE attempt_id = ?1 AND byte_offset <= ?2), 0)
     ORDER BY byte_offset`,
    ...[log.attemptId, at.offset, at.offset + at.maxBytes],
  );
  return sliceLog(at, log, chunks);
}

function readStoredLog(db: SqliteConnection, jobId: string, attempt: number): StoredLog | undefined {
  const row = db.get<{ attemptId: number; complete: number; lastSeq: number; end: number }>(
    `SELECT attempts.id AS attemptId, outcome IS NOT NULL AS complete, ifnull(seq, 0) AS lastSeq,
       ifnull(byte_offset + byte_length, 0) AS "end"
     FROM attempts LEFT JOIN log_chunks ON attempt_id = attempts.id
     WHERE job_id = ?1 AND number = ?2
     ORDER BY seq DESC LIMIT 1`,
    ...[jobId, attempt],
  );
  return row && { ...row, complete: row.complete === 1 };
}
