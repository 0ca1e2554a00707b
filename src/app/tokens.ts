import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { CicdError } from "../errors/cicd-error.ts";
import type { Role, TokenRecord } from "../run/registry.ts";
import type { App } from "./app.ts";
import { toIso } from "./shapes.ts";

/** What people see of a token; the token itself is shown once, when it is made. */
export interface TokenJson {
  id: string;
  name: string;
  role: Role;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface NewToken {
  id: string;
  name: string;
  role: Role;
  expiresAt: string | null;
  token: string;
}

export interface TokenRequest {
  name: string;
  role: Role;
  /** Null: never. */
  expiresInMs: number | null;
}

/** Where tokens are kept: this process's database, or a server. */
export interface TokenService {
  /** As `createToken`. */
  create(request: TokenRequest, signal: AbortSignal): Promise<NewToken>;
  list(signal: AbortSignal): Promise<TokenJson[]>;
  /** As `revokeToken`. */
  revoke(nameOrId: string, signal: AbortSignal): Promise<void>;
}

const FORM = /^cicd_[A-Za-z0-9_-]{43}$/;
const SECRET_BYTES = 32;
const FIRST_TOKEN = { name: "first", role: "admin", expiresInMs: null } as const;
const LEVELS: Record<Role, number> = { read: 0, run: 1, admin: 2 };

export function localTokens(app: App): TokenService {
  return {
    create: (request) => createToken(app, request),
    list: () => listTokens(app),
    revoke: (nameOrId) => revokeToken(app, nameOrId),
  };
}

/** Throws USAGE where a token of that name is there and not revoked. */
export async function createToken(app: App, request: TokenRequest): Promise<NewToken> {
  const registry = await app.registry();
  const { record, made } = makeToken(app, request);
  if (await registry.createToken(record)) return made;
  throw new CicdError("USAGE", `there is a token named "${request.name}" already`, {
    hint: "choose another name, or revoke that one",
  });
}

/** An admin token for a server that has never had any. Undefined: there has been one. */
export async function createFirstToken(app: App): Promise<NewToken | undefined> {
  const registry = await app.registry();
  const { record, made } = makeToken(app, FIRST_TOKEN);
  return (await registry.createFirstToken(record)) ? made : undefined;
}

export async function listTokens(app: App): Promise<TokenJson[]> {
  const registry = await app.registry();
  return (await registry.listTokens()).map(toTokenJson);
}

/** Throws NOT_FOUND. */
export async function revokeToken(app: App, nameOrId: string): Promise<void> {
  const registry = await app.registry();
  if (await registry.revokeToken(nameOrId)) return;
  throw new CicdError("NOT_FOUND", `there is no token "${nameOrId}", or it is revoked already`, {
    hint: "see what there is with: cicd token list",
  });
}

/**
 * Who shows this token. Undefined: nobody; it is wrong, revoked or expired. It is looked up by its hash, so that the time it
 * takes tells nothing about it.
 */
export async function authenticate(app: App, token: string): Promise<TokenRecord | undefined> {
  if (!FORM.test(token)) return undefined;
  const hash = hashOf(token);
  const record = await (await app.registry()).findToken(hash);
  if (record === undefined) return undefined;
  const [stored, shown] = [Buffer.from(record.hash, "hex"), Buffer.from(hash, "hex")];
  return stored.length === shown.length && timingSafeEqual(stored, shown) ? record : undefined;
}

/** Every role may what those below it may. */
export function isAllowed(role: Role, needed: Role): boolean {
  return LEVELS[role] >= LEVELS[needed];
}

function makeToken(
  app: App,
  { name, role, expiresInMs }: TokenRequest,
): { record: Omit<TokenRecord, "createdAt" | "revokedAt">; made: NewToken } {
  const token = `cicd_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  const id = app.newId();
  const expiresAt = expiresInMs === null ? null : app.now() + expiresInMs;
  return {
    record: { id, name, role, hash: hashOf(token), expiresAt },
    made: { id, name, role, expiresAt: expiresAt === null ? null : toIso(expiresAt), token },
  };
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function toTokenJson({ id, name, role, createdAt, expiresAt, revokedAt }: TokenRecord): TokenJson {
  return {
    id,
    name,
    role,
    createdAt: toIso(createdAt),
    expiresAt: expiresAt === null ? null : toIso(expiresAt),
    revokedAt: revokedAt === null ? null : toIso(revokedAt),
  };
}
