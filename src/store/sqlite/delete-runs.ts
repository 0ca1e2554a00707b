import type { SqliteConnection } from "./sqlite-connection.ts";

/** Inside a write transaction: finished runs go, with everything of theirs and the plans nobody else has. */
export function deleteRuns(db: SqliteConnection, runIds: string[]): void {
  const ids = JSON.stringify(runIds);
  const plans = db.all<{ hash: string }>(
    `DELETE FROM runs
     WHERE id IN (SELECT value FROM json_each(?1)) AND status IN ('success', 'failed', 'canceled', 'skipped')
     RETURNING plan_hash AS hash`,
    ids,
  );
  for (const { hash } of plans) {
    db.run(
      "DELETE FROM plans WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE plan_hash = ?1)",
      hash,
    );
  }
}

export function referencedArtifacts(db: SqliteConnection): {
  layers: Set<string>;
  blobs: Set<string>;
  trees: Set<string>;
} {
  const column = (sql: string) => new Set(db.all<{ name: string }>(sql).map((row) => row.name));
  return {
    layers: column(
      `SELECT artifact_layer AS name FROM attempts WHERE artifact_layer IS NOT NULL
       UNION SELECT results ->> 'reportLayer' FROM attempts WHERE results ->> 'reportLayer' IS NOT NULL`,
    ),
    blobs: column("SELECT DISTINCT sha256 AS name FROM artifacts"),
    trees: column("SELECT DISTINCT tree AS name FROM runs"),
  };
}
