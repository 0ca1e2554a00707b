import type { RunFilter } from "../run/store.ts";

/** A `WHERE … ORDER BY … LIMIT …` over `RUN_TABLES`, in the order that the filter asks for. Every value is bound; names come from here. */
export interface RunSelection {
  sql: string;
  values: (string | number)[];
}

/** `placeholder` names the n-th bound value (from 1) in the database's own way. */
export function selectRuns(filter: RunFilter, placeholder: (n: number) => string): RunSelection {
  const values: (string | number)[] = [];
  const bind = (value: string | number) => placeholder(values.push(value));
  const conditions: string[] = [];
  const { repoKey, pipeline, commit, statuses } = filter;

  if (repoKey !== undefined && pipeline !== undefined) {
    conditions.push(`runs.pipeline_id = (
      SELECT pipelines.id FROM pipelines JOIN repositories ON repositories.id = pipelines.repository_id
      WHERE repositories.key = ${bind(repoKey)} AND pipelines.name = ${bind(pipeline)})`);
  } else if (repoKey !== undefined) {
    conditions.push(
      `runs.repository_id = (SELECT repositories.id FROM repositories WHERE repositories.key = ${bind(repoKey)})`,
    );
  } else if (pipeline !== undefined) {
    conditions.push(
      `runs.pipeline_id IN (SELECT pipelines.id FROM pipelines WHERE pipelines.name = ${bind(pipeline)})`,
    );
  }
  if (filter.number !== undefined) conditions.push(`runs.number = ${bind(filter.number)}`);
  if (filter.branch !== undefined) conditions.push(`runs.branch = ${bind(filter.branch)}`);
  if (commit !== undefined) {
    const prefix = commit.toLowerCase();
    conditions.push(`runs.commit_sha >= ${bind(prefix)} AND runs.commit_sha < ${bind(`${prefix}~`)}`);
  }
  if (statuses !== undefined) {
    conditions.push(statuses.length === 0 ? "1 = 0" : `runs.status IN (${statuses.map(bind).join(", ")})`);
  }
  if (filter.mode !== undefined) conditions.push(`runs.mode = ${bind(filter.mode)}`);
  if (filter.finishedBefore !== undefined) {
    conditions.push(`runs.finished_at < ${bind(filter.finishedBefore)}`);
  }
  const { triggers, behind, oldestFirst } = filter;
  if (triggers !== undefined) {
    conditions.push(
      triggers.length === 0 ? "1 = 0" : `runs.trigger_kind IN (${triggers.map(bind).join(", ")})`,
    );
  }
  if (behind !== undefined) {
    const isBehind = oldestFirst === true ? ">" : "<";
    conditions.push(`(runs.created_at, runs.id) ${isBehind} (${bind(behind.createdAt)}, ${bind(behind.id)})`);
  }

  const order = oldestFirst === true ? "ASC" : "DESC";
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")} `;
  const limit = filter.limit === undefined ? "" : ` LIMIT ${bind(Math.max(0, Math.trunc(filter.limit)))}`;
  return { sql: `${where}ORDER BY runs.created_at ${order}, runs.id ${order}${limit}`, values };
}
