import { CicdError } from "../../errors/cicd-error.ts";
import type { RepositoryEvent } from "../../plan/repository-event.ts";
import type { Reading } from "./payload.ts";
import type { Proof } from "./proof.ts";
import { readMergeRequest, readPullRequest } from "./pull-request.ts";
import { readPush } from "./push.ts";

/** What the body of a genuine webhook tells. Throws USAGE where it is not what its host sends. */
export function readEvent(
  { host, event }: Proof,
  contentType: string,
  body: Uint8Array,
): Reading<RepositoryEvent> {
  if (event === "ping") return { ignored: "the webhook works" };
  const read = host === "gitlab" ? GITLAB[event] : GITHUB[event];
  if (read === undefined)
    return { ignored: `events of the kind ${JSON.stringify(event.slice(0, 80))} make no runs` };
  return read(parseBody(contentType, body));
}

type Reader = (payload: unknown) => Reading<RepositoryEvent>;

/** `create` comes beside a push and says less. */
const GITHUB: Record<string, Reader> = {
  __proto__: null as never,
  push: readPush,
  pull_request: readPullRequest,
  pull_request_sync: readPullRequest,
};

const GITLAB: Record<string, Reader> = {
  __proto__: null as never,
  "Push Hook": readPush,
  "Tag Push Hook": readPush,
  "Merge Request Hook": readMergeRequest,
};

/** JSON, or a form with JSON in its field `payload`, as GitHub and Gitea send it when told to. */
function parseBody(contentType: string, body: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    const isForm = contentType.toLowerCase().startsWith("application/x-www-form-urlencoded");
    return JSON.parse(isForm ? (new URLSearchParams(text).get("payload") ?? "") : text);
  } catch (error) {
    throw new CicdError("USAGE", "the webhook's body is not JSON", { cause: error });
  }
}
