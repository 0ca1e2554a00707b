import type { RunRecord } from "../../run/records.ts";
import type { RunFilter } from "../../run/store.ts";

/** The oldest first. */
export function byCreation(
  a: Pick<RunRecord, "createdAt" | "id">,
  b: Pick<RunRecord, "createdAt" | "id">,
): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

function isBehind(run: RunRecord, { behind, oldestFirst }: RunFilter): boolean {
  if (behind === undefined) return true;
  return oldestFirst === true ? byCreation(run, behind) > 0 : byCreation(run, behind) < 0;
}

export function matches(run: RunRecord, filter: RunFilter): boolean {
  const { source } = run;
  return (
    (filter.repoKey === undefined || source.repo.key === filter.repoKey) &&
    (filter.pipeline === undefined || run.pipeline === filter.pipeline) &&
    (filter.number === undefined || run.number === filter.number) &&
    (filter.branch === undefined || source.branch === filter.branch) &&
    (filter.commit === undefined || source.commit?.startsWith(filter.commit.toLowerCase()) === true) &&
    (filter.statuses === undefined || filter.statuses.includes(run.status)) &&
    (filter.mode === undefined || run.mode === filter.mode) &&
    (filter.triggers === undefined || filter.triggers.includes(run.trigger)) &&
    isBehind(run, filter) &&
    (filter.finishedBefore === undefined ||
      (run.finishedAt !== null && run.finishedAt < filter.finishedBefore))
  );
}
