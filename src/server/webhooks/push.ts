import * as v from "valibot";
import { asksToSkip, type PushEvent, type TagEvent } from "../../plan/repository-event.ts";
import { COMMIT_ID, isNoCommit, parsePayload, REF, type Reading, splitRef } from "./payload.ts";

/** The push of a branch or a tag: the same fields on GitHub, GitLab, Gitea and Forgejo, as far as they are needed. */
const PUSH = v.object({
  ref: REF,
  before: COMMIT_ID,
  after: COMMIT_ID,
  deleted: v.optional(v.boolean()),
  head_commit: v.nullish(v.object({ id: v.string(), message: v.optional(v.string(), "") })),
  commits: v.nullish(v.array(v.object({ id: v.string(), message: v.optional(v.string(), "") }))),
});

export function readPush(payload: unknown): Reading<PushEvent | TagEvent> {
  const push = parsePayload(PUSH, payload);
  const { kind, name } = splitRef(push.ref);
  if (kind === "other") return { ignored: `${name} is neither a branch nor a tag` };
  if (push.deleted === true || isNoCommit(push.after)) return { ignored: `the ${kind} ${name} was deleted` };
  if (kind === "tag") return { event: { kind: "tag", tag: name, commit: push.after } };
  const head = push.head_commit ?? push.commits?.findLast(({ id }) => id === push.after);
  if (asksToSkip(head?.message ?? "")) return { ignored: "the message of its newest commit asks for no run" };
  const before = isNoCommit(push.before) ? null : push.before;
  return { event: { kind: "push", branch: name, commit: push.after, before } };
}
