import { type CicdError, messageOf } from "../errors/cicd-error.ts";
import type { TokenRecord } from "../run/registry.ts";
import type { ServerOptions } from "./parts.ts";

/** What is known of a request beside itself, once it is answered. */
export interface Served {
  /** By the monotonic clock. */
  startedAt: number;
  /** The pattern: paths and queries may hold names that are nobody's business. */
  route: string;
  token: TokenRecord | null;
  error: CicdError | undefined;
}

/** Whoever watches over the server asks every few seconds: that all is well is no news. */
const ASKED_ALL_THE_TIME: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** One line and the figures of an answered request. Of a bug the log has its stack, since the client is told nothing. */
export function logRequest(
  { log, metrics }: Pick<ServerOptions, "log" | "metrics">,
  request: Request,
  response: Response,
  { startedAt, route, token, error }: Served,
): void {
  const durationMs = performance.now() - startedAt;
  const { method } = request;
  const { status } = response;
  metrics.requests.add(route, method, status, durationMs);
  if (status === 200 && ASKED_ALL_THE_TIME.has(route)) return;
  const isBug = error?.code === "INTERNAL";
  const code = error?.code ?? null;
  const cause = isBug ? error.cause : error;
  const message = status >= 500 && cause !== undefined ? messageOf(cause) : undefined;
  const outcome = `${status} ${durationMs.toFixed(1)} ms${code === null ? "" : ` [${code}]`}`;
  log({
    level: isBug ? "error" : status >= 500 ? "warn" : "info",
    event: "request",
    text: `${method} ${route} ${outcome}${message === undefined ? "" : `: ${message}`}`,
    fields: {
      method,
      route,
      status,
      durationMs: Math.round(durationMs * 10) / 10,
      token: token?.name ?? null,
      code,
      ...(message === undefined ? {} : { message }),
      ...(isBug && cause instanceof Error ? { stack: cause.stack ?? null } : {}),
    },
  });
}
