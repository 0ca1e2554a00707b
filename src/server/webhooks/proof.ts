import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export type Host = "github" | "gitlab" | "gitea";

/** What a request that was found to be genuine says about itself outside of its body. */
export interface Proof {
  host: Host;
  /** As the host calls it: `push`, `Push Hook`. */
  event: string;
  /** The delivery's own id. */
  hostId: string;
  /** SHA-256 of a signed body, hex: the same body again is the same delivery, whatever its headers say. Null: not signed. */
  digest: string | null;
}

/** Of the scheme of standardwebhooks.com: older or newer ones are refused. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * Whether whoever sent a webhook knows the secret; in constant time, before anything of the body is read.
 * https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 * https://docs.gitlab.com/user/project/integrations/webhooks/ (its token, or its signature by standardwebhooks.com)
 * https://docs.gitea.com/usage/webhooks and https://forgejo.org/docs/latest/user/webhooks/ (which call themselves GitHub, too)
 */
export function proveWebhook(
  headers: Headers,
  body: Uint8Array,
  secret: string,
  now: number,
): Proof | undefined {
  const digest = createHash("sha256").update(body).digest("hex");
  const gitlab = headers.get("x-gitlab-event");
  if (gitlab !== null) return proveGitlab(gitlab, headers, body, secret, digest, now);
  const gitea = headers.get("x-forgejo-event") ?? headers.get("x-gitea-event");
  const event = gitea ?? headers.get("x-github-event") ?? "";
  const own = headers.get("x-forgejo-signature") ?? headers.get("x-gitea-signature");
  const given = gitea !== null && own !== null ? own : withoutPrefix(headers.get("x-hub-signature-256"));
  const isGenuine = isSame(createHmac("sha256", secret).update(body).digest("hex"), given ?? "");
  if (!isGenuine || event === "") return undefined;
  const named =
    headers.get("x-forgejo-delivery") ?? headers.get("x-gitea-delivery") ?? headers.get("x-github-delivery");
  return { host: gitea === null ? "github" : "gitea", event, hostId: checkId(named) ?? digest, digest };
}

/** Takes a body piece by piece and as long as `proveWebhook`, for nothing. */
export function passUnproven(secret: string): (piece: Uint8Array) => void {
  const digest = createHash("sha256");
  const signature = createHmac("sha256", secret);
  return (piece) => {
    digest.update(piece);
    signature.update(piece);
  };
}

function proveGitlab(
  event: string,
  headers: Headers,
  body: Uint8Array,
  secret: string,
  digest: string,
  now: number,
): Proof | undefined {
  const id = headers.get("webhook-id") ?? "";
  const isSigned = isStandardSignature(headers, id, body, secret, now);
  const hasToken = isSame(secret, headers.get("x-gitlab-token") ?? "");
  if (!isSigned && !hasToken) return undefined;
  if (isSigned) return { host: "gitlab", event, hostId: checkId(id) ?? digest, digest: null };
  const key = checkId(headers.get("idempotency-key"));
  const uuid = checkId(headers.get("x-gitlab-event-uuid"));
  // A UUID may stand for several events, when one has led to another.
  return {
    host: "gitlab",
    event,
    hostId: key ?? (uuid === undefined ? digest : `${uuid}:${digest}`),
    digest: null,
  };
}

/** https://github.com/standard-webhooks/standard-webhooks: `v1,BASE64`, several with blanks between them. */
function isStandardSignature(
  headers: Headers,
  id: string,
  body: Uint8Array,
  secret: string,
  now: number,
): boolean {
  const timestamp = headers.get("webhook-timestamp") ?? "";
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  const signed = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const given = (headers.get("webhook-signature") ?? "").split(" ").slice(0, 10);
  const isGenuine = given.map((signature) => isSame(`v1,${signed}`, signature)).includes(true);
  const isRecent = /^\d{1,12}$/.test(timestamp) && Math.abs(now - Number(timestamp) * 1000) <= TOLERANCE_MS;
  return isGenuine && isRecent && id !== "";
}

/** `sha256=HEX` */
function withoutPrefix(header: string | null): string | null {
  return header?.startsWith("sha256=") === true ? header.slice("sha256=".length) : null;
}

/** In a time that tells nothing about either: what is compared are hashes of the same length. */
function isSame(expected: string, given: string): boolean {
  const [a, b] = [expected, given].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(a!, b!);
}

function checkId(id: string | null): string | undefined {
  return id !== null && /^[\w.:=+/-]{1,128}$/.test(id) ? id : undefined;
}
