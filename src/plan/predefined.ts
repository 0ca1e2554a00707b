import type { PullRequest } from "./repository-event.ts";

/** What made a run and what of: everything that is known before any of its jobs. */
export interface TriggerContext {
  /** As in `Trigger` of the run. */
  trigger: string;
  branch: string | null;
  /** Set in runs of a tag. */
  tag: string | null;
  commit: string | null;
  commitMessage: string | null;
  defaultBranch: string | null;
  /** `group/project` or a directory's name. */
  repoName: string;
  pullRequest: PullRequest | undefined;
  executor: string;
}

/** The predefined variables that rules and jobs see alike; what is not known is absent. */
export function triggerVariables(context: TriggerContext): Record<string, string> {
  const { commit, commitMessage, repoName, pullRequest } = context;
  const branch = pullRequest === undefined ? context.branch : null;
  const ref = pullRequest?.sourceBranch ?? context.tag ?? branch ?? commit;
  return withoutEmpty({
    CI: "true",
    CICD: "true",
    CICD_EXECUTOR: context.executor,
    CI_COMMIT_BRANCH: branch,
    CI_COMMIT_MESSAGE: commitMessage && clip(commitMessage),
    CI_COMMIT_REF_NAME: ref,
    CI_COMMIT_REF_SLUG: slug(ref ?? ""),
    CI_COMMIT_SHA: commit,
    CI_COMMIT_SHORT_SHA: commit?.slice(0, 8) ?? null,
    CI_COMMIT_TAG: context.tag,
    CI_COMMIT_TITLE: commitMessage && clip(commitMessage.split("\n", 1)[0]!),
    CI_DEFAULT_BRANCH: context.defaultBranch,
    ...(pullRequest === undefined ? {} : pullRequestVariables(pullRequest)),
    CI_PIPELINE_SOURCE: PIPELINE_SOURCES[context.trigger] ?? context.trigger,
    CI_PROJECT_NAME: repoName.split("/").at(-1) ?? repoName,
    CI_PROJECT_PATH: repoName,
    CI_PROJECT_PATH_SLUG: slug(repoName),
  });
}

export function withoutEmpty(variables: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter(
      (entry): entry is [string, string] => entry[1] !== null && entry[1] !== "",
    ),
  );
}

/** GitLab's words for what it has, too; a run by hand is what the team's CI would make of the branch. */
const PIPELINE_SOURCES: Record<string, string> = {
  cli: "push",
  api: "push",
  tag: "push",
  pull_request: "merge_request_event",
};

function pullRequestVariables(pullRequest: PullRequest): Record<string, string> {
  return {
    CI_MERGE_REQUEST_ID: String(pullRequest.number),
    CI_MERGE_REQUEST_IID: String(pullRequest.number),
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: pullRequest.sourceBranch,
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: pullRequest.targetBranch,
    CI_MERGE_REQUEST_TITLE: clip(pullRequest.title),
  };
}

/** No environment can carry a value of 128 KiB; a message that long is not the pipeline's fault. */
const MAX_MESSAGE_BYTES = 100_000;

/** The text, or its beginning: at most `MAX_MESSAGE_BYTES` of UTF-8, no character cut in two. */
function clip(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_MESSAGE_BYTES) return text;
  return new TextDecoder().decode(bytes.subarray(0, MAX_MESSAGE_BYTES), { stream: true });
}

/** As GitLab's slugs: lower case, at most 63 characters of `0-9a-z-`, no hyphen at either end. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^0-9a-z]/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
}
