import { CicdError } from "../errors/cicd-error.ts";
import type { RepositoryEvent } from "../plan/repository-event.ts";
import type { RepositoryRecord } from "../run/registry.ts";
import type { CommitRange } from "../run/workspace.ts";
import type { App } from "./app.ts";

/**
 * The files that an event changed: of a push since what the branch was before, of a new branch since it left the default one, of a
 * pull request since it left the branch that it is to be merged into. Null: that cannot be told. Throws as opening a source
 * does, but for commits that are gone.
 */
export async function findChangedPaths(
  app: App,
  repository: RepositoryRecord,
  event: RepositoryEvent,
  signal: AbortSignal,
): Promise<string[] | null> {
  try {
    const range = await rangeOf(app, repository, event, signal);
    if (range === undefined) return null;
    return (await (await app.sources()).changedFiles(repository.url, range, signal)) ?? null;
  } catch (error) {
    if (error instanceof CicdError && error.code === "GIT_REF_NOT_FOUND") return null;
    throw error;
  }
}

async function rangeOf(
  app: App,
  { url, defaultBranch }: RepositoryRecord,
  event: RepositoryEvent,
  signal: AbortSignal,
): Promise<CommitRange | undefined> {
  if (event.kind === "tag") return undefined;
  const { commit: to } = event;
  const ref = event.kind === "push" ? `refs/heads/${event.branch}` : event.ref;
  if (event.kind === "push" && event.before !== null) return { from: event.before, to, ref, since: "from" };
  const base = event.kind === "push" ? defaultBranch : event.targetBranch;
  if (base === null || (event.kind === "push" && base === event.branch)) return undefined;
  const opened = await (await app.sources()).open({ repo: url, branch: base }, signal);
  const from = opened.source.commit;
  return from === null ? undefined : { from, to, ref, since: "merge-base" };
}
