import { Hono } from "hono";
import type { Route } from "../api/route.ts";
import { ROUTES, type RouteName } from "../api/routes.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { TokenRecord } from "../run/registry.ts";
import { checkHost, checkOrigin, checkRole, type HostRules, readToken } from "./guards.ts";
import type { Handlers } from "./handler.ts";
import { administrationHandlers } from "./handlers/administration.ts";
import { artifactHandlers } from "./handlers/artifacts.ts";
import { pipelineHandlers } from "./handlers/pipelines.ts";
import { runHandlers } from "./handlers/runs.ts";
import { secretHandlers } from "./handlers/secrets.ts";
import { sourceHandlers } from "./handlers/sources.ts";
import { statusHandlers } from "./handlers/status.ts";
import { streamHandlers } from "./handlers/streams.ts";
import { triggerHandlers } from "./handlers/triggers.ts";
import type { Context } from "./parts.ts";
import { problemResponse, RequestRefused, toCicdError } from "./problems.ts";
import { readRequest } from "./read-request.ts";
import { logRequest, type Served } from "./request-log.ts";

/** What all requests share. */
export type Shared = Omit<Context, "request" | "token" | "signal" | "mayIdle"> & { hosts: HostRules };

interface Connection {
  /** See `Context`. */
  mayIdle(): void;
}

const HANDLERS: Handlers = {
  ...statusHandlers,
  ...pipelineHandlers,
  ...sourceHandlers,
  ...runHandlers,
  ...streamHandlers,
  ...artifactHandlers,
  ...administrationHandlers,
  ...secretHandlers,
  ...triggerHandlers,
};

/** On every answer, whatever it is. */
const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** What nobody reads, for the log: nginx's number for a client that did not wait for its answer. */
const CLIENT_LEFT = 499;

type Bindings = { Bindings: Connection; Variables: { served: Served } };

/** Answers requests; never throws. A request is checked in this order: its host, its origin, its token, its route, its content. */
export function createApi(shared: Shared): (request: Request, connection: Connection) => Promise<Response> {
  const hono = new Hono<Bindings>();
  hono.use(async (context, next) => {
    const served: Served = { startedAt: performance.now(), route: "none", token: null, error: undefined };
    context.set("served", served);
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
    if (!context.res.headers.has("cache-control")) context.res.headers.set("cache-control", "no-store");
    logRequest(shared, context.req.raw, context.res, served);
  });
  hono.use(async (context, next) => {
    checkHost(context.req.raw, shared.hosts);
    await next();
  });
  const paths = new Map<string, Route["method"][]>();
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    paths.set(route.path, [...(paths.get(route.path) ?? []), route.method]);
    hono.on(route.method, toPattern(route.path), async (context) => {
      const served = context.get("served");
      served.route = route.path;
      return serve(shared, name as RouteName, route, context.req.raw, context.env, served);
    });
  }
  for (const [path, methods] of paths) {
    hono.all(toPattern(path), async (context) => {
      const served = context.get("served");
      served.route = path;
      served.token = await readToken(shared.app, context.req.raw);
      throw notAllowed(context.req.method, methods);
    });
  }
  hono.notFound(async (context) => {
    context.get("served").token = await readToken(shared.app, context.req.raw);
    throw new CicdError("NOT_FOUND", "there is nothing at this address", { hint: "see /api/openapi.json" });
  });
  hono.onError((error, context) => {
    const isBug = !(error instanceof CicdError) || error.code === "INTERNAL";
    const hasLeft = context.req.raw.signal.aborted && isBug;
    if (hasLeft) return new Response(null, { status: CLIENT_LEFT });
    const coded = toCicdError(error);
    context.get("served").error = coded;
    return problemResponse(coded);
  });
  return async (request, connection) => {
    if (request.method !== "HEAD") return hono.fetch(request, connection);
    const response = await hono.fetch(new Request(request, { method: "GET" }), connection);
    // Bun leaves the body out, and says its length.
    if (/json/.test(response.headers.get("content-type") ?? "")) return response;
    await response.body?.cancel();
    return new Response(null, response);
  };
}

async function serve(
  shared: Shared,
  name: RouteName,
  route: Route,
  request: Request,
  connection: Connection,
  served: Served,
): Promise<Response> {
  const token = await admit(shared, route, request);
  served.token = token;
  using share = (route.role === "signed" ? shared.webhookBodies : shared.bodies).open();
  const input = await readRequest(route, request, shared.limits.body, share);
  const context: Context = { ...shared, request, token, signal: request.signal, mayIdle: connection.mayIdle };
  // The table's schemas have made the input what the handler of that name takes.
  const handle = HANDLERS[name] as (input: unknown, context: Context) => Promise<unknown>;
  const answer = await handle(input, context);
  if (answer instanceof Response) return answer;
  const { status } = route.response;
  return answer === undefined ? new Response(null, { status }) : Response.json(answer, { status });
}

/** Throws FORBIDDEN, UNAUTHORIZED. Before that nothing of the request's content has been read. */
async function admit(shared: Shared, route: Route, request: Request): Promise<TokenRecord | null> {
  const isStream = route.response.kind === "bytes" && route.response.events !== undefined;
  if (route.method !== "GET" || isStream) checkOrigin(request, shared.hosts);
  if (route.role === "none" || route.role === "signed") return null;
  const token = await readToken(shared.app, request);
  checkRole(token, route.role);
  return token;
}

function toPattern(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

function notAllowed(method: string, methods: string[]): RequestRefused {
  return new RequestRefused(405, "USAGE", `${method} is not possible here`, {
    headers: { allow: [...methods].sort().join(", ") },
  });
}
