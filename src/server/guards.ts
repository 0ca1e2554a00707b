import type { Route } from "../api/route.ts";
import type { App } from "../app/app.ts";
import { authenticate, isAllowed } from "../app/tokens.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { TokenRecord } from "../run/registry.ts";

/** Which names a request may ask for: see `allowedHosts`. */
export interface HostRules {
  /** Exactly these `HOST:PORT`, lower-case; `HOST` alone stands for the default port. */
  addresses: ReadonlySet<string>;
  /** These with whatever port. */
  names: ReadonlySet<string>;
  /** `https://cicd.example.org`: how people reach the server. */
  publicOrigin: string | undefined;
}

/**
 * `own`: what the server listens on and is reached by from this host; `named`: `NAME` or `NAME:PORT` of the setting
 * `allowed_hosts`.
 */
export function hostRules(options: {
  own: string[];
  port: number;
  named: string[];
  publicUrl: string | undefined;
}): HostRules {
  const addresses = new Set<string>();
  const names = new Set<string>();
  for (const host of [...options.own, "localhost", "127.0.0.1", "[::1]"]) {
    addresses.add(`${bracketed(host)}:${options.port}`);
    if (options.port === 80) addresses.add(bracketed(host));
  }
  for (const host of options.named) {
    const named = host.toLowerCase();
    if (/:\d+$/.test(named) && !/^[^[]*:.*:/.test(named)) addresses.add(named);
    else names.add(bracketed(named));
  }
  const publicUrl = options.publicUrl === undefined ? undefined : new URL(options.publicUrl);
  if (publicUrl !== undefined) addresses.add(publicUrl.host);
  return { addresses, names, publicOrigin: publicUrl?.origin };
}

/** Against DNS rebinding: a page of another site that has its name point here. Throws FORBIDDEN. */
export function checkHost(request: Request, rules: HostRules): void {
  const host = (request.headers.get("host") ?? "").toLowerCase();
  if (rules.addresses.has(host) || rules.names.has(host.replace(/:\d+$/, ""))) return;
  throw new CicdError(
    "FORBIDDEN",
    `this server is not known by the name ${JSON.stringify(host.slice(0, 255))}`,
    {
      hint: "name it in allowed_hosts (CICD_ALLOWED_HOSTS) or public_url (CICD_PUBLIC_URL) of the server",
    },
  );
}

/** A browser says which site a request comes from. Throws FORBIDDEN for another one. */
export function checkOrigin(request: Request, rules: HostRules): void {
  const origin = request.headers.get("origin");
  if (origin === null) return;
  const host = (request.headers.get("host") ?? "").toLowerCase();
  const isSame = origin === `http://${host}` || origin === `https://${host}` || origin === rules.publicOrigin;
  if (!isSame) throw new CicdError("FORBIDDEN", "requests from pages of other sites are refused");
}

/** Throws UNAUTHORIZED. */
export async function readToken(app: App, request: Request): Promise<TokenRecord> {
  const given = /^bearer +([\x21-\x7e]+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given === undefined) {
    throw new CicdError("UNAUTHORIZED", "a token is needed", {
      hint: "send it as: Authorization: Bearer TOKEN",
    });
  }
  const token = await authenticate(app, given);
  if (token !== undefined) return token;
  throw new CicdError("UNAUTHORIZED", "the token is wrong, revoked or expired");
}

/** Throws FORBIDDEN. */
export function checkRole(token: TokenRecord, role: Route["role"]): void {
  if (role === "none" || role === "signed" || isAllowed(token.role, role)) return;
  throw new CicdError(
    "FORBIDDEN",
    `the token "${token.name}" has the role ${token.role}; this needs ${role}`,
  );
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host.toLowerCase()}]` : host.toLowerCase();
}
