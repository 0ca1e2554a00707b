import type { AttemptRecord, AttemptResults } from "../run/records.ts";

/** What `ATTEMPT_COLUMNS` yield: `results` is JSON text. */
export type AttemptRow = Omit<AttemptRecord, "results"> & { results: string | null };

/** The row itself becomes the record: there may be many, and few have results. */
export function attemptRecord(row: AttemptRow): AttemptRecord {
  const record = row as AttemptRow | AttemptRecord;
  if (row.results !== null) record.results = JSON.parse(row.results) as AttemptResults;
  return record as AttemptRecord;
}

export function packResults({ results }: AttemptRecord): string | null {
  return results && JSON.stringify(results);
}
