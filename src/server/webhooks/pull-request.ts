import * as v from "valibot";
import { asksToSkip, type PullRequestEvent } from "../../plan/repository-event.ts";
import { COMMIT_ID, NUMBER, parsePayload, type Reading, SHORT_NAME, TITLE } from "./payload.ts";

const SIDE = v.object({
  ref: SHORT_NAME,
  sha: COMMIT_ID,
  /** Null: it has been deleted. */
  repo: v.nullish(v.object({ id: v.number() })),
});

/** https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request; Gitea and Forgejo send the same fields. */
const PULL_REQUEST = v.object({
  action: v.string(),
  number: NUMBER,
  pull_request: v.object({ title: TITLE, head: SIDE, base: SIDE }),
});

/** `synchronized`: as Gitea and Forgejo call it. */
const ACTIONS = ["opened", "reopened", "synchronize", "synchronized"];

/** Its commits are at `refs/pull/N/head` of the repository itself, those of a fork, too. */
export function readPullRequest(payload: unknown): Reading<PullRequestEvent> {
  const { action } = parsePayload(v.object({ action: v.string() }), payload);
  if (!ACTIONS.includes(action))
    return { ignored: `a pull request that was ${action.slice(0, 40)} makes no run` };
  const { number, pull_request } = parsePayload(PULL_REQUEST, payload);
  const { title, head, base } = pull_request;
  const isFork = head.repo?.id === undefined || head.repo.id !== base.repo?.id;
  const branches = { sourceBranch: head.ref, targetBranch: base.ref };
  const where = { commit: head.sha, ref: `refs/pull/${number}/head` };
  return { event: { kind: "pull_request", number, title, ...branches, ...where, isFork } };
}

/** https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events */
const MERGE_REQUEST = v.object({
  object_attributes: v.object({
    iid: NUMBER,
    title: TITLE,
    source_branch: SHORT_NAME,
    target_branch: SHORT_NAME,
    source_project_id: v.nullish(v.number()),
    target_project_id: v.number(),
    action: v.optional(v.string(), ""),
    /** Of an update: only where commits were pushed. */
    oldrev: v.nullish(v.string()),
    last_commit: v.object({ id: COMMIT_ID, message: v.optional(v.string(), "") }),
  }),
});

const MERGE_ACTION = v.object({
  object_attributes: v.object({ action: v.optional(v.string(), ""), oldrev: v.nullish(v.string()) }),
});

/** Its commits are at `refs/merge-requests/N/head`. */
export function readMergeRequest(payload: unknown): Reading<PullRequestEvent> {
  const { action, oldrev } = parsePayload(MERGE_ACTION, payload).object_attributes;
  const isMoved = action === "update" && typeof oldrev === "string";
  if (action === "update" && !isMoved) return { ignored: "an update without new commits makes no run" };
  if (!isMoved && action !== "open" && action !== "reopen")
    return { ignored: `the action ${JSON.stringify(action.slice(0, 40))} of a merge request makes no run` };
  const { object_attributes: request } = parsePayload(MERGE_REQUEST, payload);
  const { iid, title, source_branch, target_branch, last_commit } = request;
  if (asksToSkip(last_commit.message)) return { ignored: "the message of its newest commit asks for no run" };
  const isFork = request.source_project_id !== request.target_project_id;
  const branches = { sourceBranch: source_branch, targetBranch: target_branch };
  const where = { commit: last_commit.id, ref: `refs/merge-requests/${iid}/head` };
  return { event: { kind: "pull_request", number: iid, title, ...branches, ...where, isFork } };
}
