/** Which rows of `jobs JOIN runs` may be claimed, but for the scope; and the order in which they are. The same in SQLite and PostgreSQL. */
export const IS_CLAIMABLE = `jobs.state = 'pending'
  AND runs.cancel_requested_at IS NULL AND runs.stop_requested_at IS NULL
  AND (runs.after_run IS NULL OR NOT EXISTS (
    SELECT 1 FROM runs AS earlier
    WHERE earlier.id = runs.after_run AND earlier.status IN ('pending', 'running', 'canceling')))`;

export const QUEUE_ORDER = "jobs.queued_at, jobs.run_id, jobs.position";

/** Of a planned job, as they are stored: no text that a database's JSON functions refuse. */
export function tagsText(tags: readonly string[]): string {
  return JSON.stringify(tags.map((tag) => tag.toWellFormed().replaceAll("\u0000", "\ufffd")));
}
