import { networkInterfaces } from "node:os";
import { MAX_PACK_BYTES } from "../api/routes.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { createApi } from "./api.ts";
import { hostRules } from "./guards.ts";
import type { ServerOptions } from "./parts.ts";
import { problemResponse, toCicdError } from "./problems.ts";
import { Readiness } from "./readiness.ts";
import { Slots } from "./slots.ts";

/**
 * A server that listens. Disposing ends its streams, so that clients come again, and then the server; what is still being
 * answered after two seconds is given up.
 */
export interface RunningServer extends AsyncDisposable {
  /** As it listens: `http://127.0.0.1:7878`. */
  url: string;
  /** From now on `/readyz` says that it is about to end; requests are answered on. */
  drain(): void;
}

/** Seconds in which something has to move on a connection that is not a stream. */
const IDLE_SECONDS = 30;
const GRACE_MS = 2_000;

/** Listens at `host` (an address, or a name of this host) and `port` (0: any). Throws LISTEN_FAILED. */
export function openServer(
  options: ServerOptions & { listen: { host: string; port: number } },
): RunningServer {
  const { app, listen, limits, publicUrl } = options;
  const draining = new AbortController();
  const closing = new AbortController();
  let answer: (request: Request, server: Bun.Server<undefined>) => Promise<Response>;
  const server = bind(listen, (request, self) => answer(request, self));
  const port = server.port ?? listen.port;
  const url = `http://${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${port}`;
  const api = createApi({
    ...options,
    baseUrl: publicUrl ?? url,
    hosts: hostRules({ own: ownHosts(listen.host), port, named: options.allowedHosts, publicUrl }),
    draining: draining.signal,
    closing: closing.signal,
    readiness: new Readiness(app, options.hasWorker ? options.executor : undefined),
    streams: new Slots("event streams", limits.streams),
    uploads: new Slots("uploads", limits.uploads),
  });
  answer = (request, self) => api(request, { mayIdle: () => self.timeout(request, 0) });
  return {
    url,
    drain: () => draining.abort(),
    async [Symbol.asyncDispose]() {
      closing.abort();
      const forced = setTimeout(() => void server.stop(true), GRACE_MS);
      await server.stop(false);
      clearTimeout(forced);
    },
  };
}

function bind(
  { host, port }: { host: string; port: number },
  fetch: (request: Request, server: Bun.Server<undefined>) => Promise<Response>,
): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      fetch,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: MAX_PACK_BYTES + 1,
      development: false,
      // Outside of development Bun would share the port with whoever else listens there.
      reusePort: false,
      error: (error) => problemResponse(toCicdError(error)),
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new CicdError("LISTEN_FAILED", `cannot listen at ${host} port ${port}${reasonOf(code)}`, {
      hint: "choose another address: --listen HOST:PORT",
      cause: error,
    });
  }
}

function reasonOf(code: string): string {
  switch (code) {
    case "EADDRINUSE":
      return ": it is in use";
    case "EADDRNOTAVAIL":
      return ": it is no address of this host";
    case "EACCES":
      return ": not allowed";
    default:
      return code === "" ? "" : ` (${code})`;
  }
}

/** By what addresses this host is reached where the server listens: a page cannot have its own name point to a number. */
function ownHosts(host: string): string[] {
  if (host !== "0.0.0.0" && host !== "::") return [host];
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address.replace(/%.*$/, "")),
  );
}
