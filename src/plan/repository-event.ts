/**
 * What happened in a repository that a server knows, as far as runs are made of it: already checked, whoever told it. Names
 * are short (`main`, `v1`) and well-formed, commits are whole hashes. Plain JSON.
 */
export type RepositoryEvent = PushEvent | TagEvent | PullRequestEvent;

/** `before`: what the branch was at; null: it is new, or that is not known. */
export interface PushEvent {
  kind: "push";
  branch: string;
  commit: string;
  before: string | null;
}

export interface TagEvent {
  kind: "tag";
  tag: string;
  commit: string;
}

/** Opened, reopened or moved on. `ref` is where the registered repository itself keeps its commits. */
export interface PullRequestEvent extends PullRequest {
  kind: "pull_request";
  commit: string;
  ref: string;
}

export interface PullRequest {
  number: number;
  title: string;
  sourceBranch: string;
  targetBranch: string;
  /** Its commits come from another repository: whoever wrote them need not be trusted. */
  isFork: boolean;
}

/** For sentences: `push to main`. */
export function nameEvent(event: RepositoryEvent): string {
  switch (event.kind) {
    case "push":
      return `push to ${event.branch}`;
    case "tag":
      return `tag ${event.tag}`;
    case "pull_request":
      return `pull request ${event.number} into ${event.targetBranch}`;
  }
}

/** The newest commit's author asks for no run, as on GitHub and GitLab. */
export function asksToSkip(commitMessage: string): boolean {
  return /\[(?:skip ci|ci skip)\]/i.test(commitMessage);
}
