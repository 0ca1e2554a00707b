import type { ChangeFilter, NameFilter, On } from "../pipeline/pipeline.ts";
import { toMatcher } from "./name-filter.ts";
import type { RepositoryEvent } from "./repository-event.ts";

/** `why`: a sentence without a full stop, for people who wonder. */
export interface Decision {
  runs: boolean;
  why: string;
}

/** More changed files than these are not looked at one by one. */
export const MAX_CHANGED_PATHS = 1_000;

/** Whether an event makes a run of a pipeline. `changedPaths` null: not known, or too many; then every filter of paths passes. */
export function decideTrigger(on: On, event: RepositoryEvent, changedPaths: string[] | null): Decision {
  switch (event.kind) {
    case "push":
      if (on.push === undefined) return no('"on" does not name pushes');
      return decideChange(on.push, `the branch ${event.branch}`, event.branch, changedPaths);
    case "tag":
      if (on.tag === undefined) return no('"on" does not name tags');
      return decideName(on.tag, `the tag ${event.tag}`, event.tag) ?? yes(`the tag ${event.tag} was pushed`);
    case "pull_request":
      if (on.pullRequest === undefined) return no('"on" does not name pull requests');
      return decideChange(
        on.pullRequest,
        `the target branch ${event.targetBranch}`,
        event.targetBranch,
        changedPaths,
      );
  }
}

/** Whether `decideTrigger` asks for the changed paths at all: finding them out takes time. */
export function asksForPaths(on: On, event: RepositoryEvent): boolean {
  const filter = event.kind === "push" ? on.push : event.kind === "pull_request" ? on.pullRequest : undefined;
  return filter !== undefined && (filter.paths.only !== null || filter.paths.ignored !== null);
}

/** `cicd run` takes these without being told their names. */
export function runsByHand(on: On): boolean {
  return on.manual || on.push !== undefined;
}

function decideChange(filter: ChangeFilter, what: string, branch: string, paths: string[] | null): Decision {
  const refusal = decideName(filter.branches, what, branch);
  if (refusal !== undefined) return refusal;
  if (filter.paths.only === null && filter.paths.ignored === null) return yes(`${what} fits`);
  if (paths === null || paths.length > MAX_CHANGED_PATHS)
    return yes(`${what} fits; which files changed is not known`);
  const fits = toMatcher(filter.paths);
  const path = paths.find(fits);
  if (path !== undefined) return yes(`${what} fits, and ${path} was changed`);
  if (paths.length === 0) return no("no file was changed");
  const changed = paths.length === 1 ? `${paths[0]} is` : `all ${paths.length} changed files are`;
  return no(
    filter.paths.only === null
      ? `${changed} among paths-ignore: ${list(filter.paths.ignored)}`
      : `${changed} outside of paths: ${list(filter.paths.only)}`,
  );
}

function decideName(filter: NameFilter, what: string, name: string): Decision | undefined {
  if (toMatcher(filter)(name)) return undefined;
  return no(
    filter.only === null
      ? `${what} is among the ignored: ${list(filter.ignored)}`
      : `${what} is not among ${list(filter.only)}`,
  );
}

function list(patterns: string[] | null): string {
  const all = patterns ?? [];
  return all.slice(0, 10).join(", ") + (all.length > 10 ? ", ..." : "");
}

const yes = (why: string): Decision => ({ runs: true, why });
const no = (why: string): Decision => ({ runs: false, why });
