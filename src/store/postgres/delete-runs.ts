import type { Session } from "./postgres-connection.ts";

/** Inside a transaction: finished runs go, with everything of theirs and the plans nobody else has. */
export async function deleteRuns(db: Session, runIds: string[]): Promise<void> {
  const ids = JSON.stringify(runIds);
  await db.run(
    `SELECT 1 FROM runs WHERE id IN (SELECT json_array_elements_text($1::text::json)) ORDER BY id FOR UPDATE`,
    ids,
  );
  const plans = await db.all<{ hash: string }>(
    `DELETE FROM runs
     WHERE id IN (SELECT json_array_elements_text($1::text::json))
       AND status IN ('success', 'failed', 'canceled', 'skipped')
     RETURNING plan_hash AS hash`,
    ids,
  );
  await db.run(
    `DELETE FROM plans
     WHERE hash IN (SELECT json_array_elements_text($1::text::json))
       AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.plan_hash = plans.hash)`,
    JSON.stringify(plans.map((plan) => plan.hash)),
  );
}

export async function referencedArtifacts(
  db: Session,
): Promise<{ layers: Set<string>; blobs: Set<string>; trees: Set<string> }> {
  const column = async (sql: string) => new Set((await db.all<{ name: string }>(sql)).map((row) => row.name));
  const [layers, blobs, trees] = await Promise.all([
    column(
      `SELECT artifact_layer AS name FROM attempts WHERE artifact_layer IS NOT NULL
       UNION SELECT results::json ->> 'reportLayer' FROM attempts WHERE results::json ->> 'reportLayer' IS NOT NULL`,
    ),
    column("SELECT DISTINCT sha256 AS name FROM artifacts"),
    column("SELECT DISTINCT tree AS name FROM runs"),
  ]);
  return { layers, blobs, trees };
}
