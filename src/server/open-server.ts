import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { MAX_PACK_BYTES } from "../api/routes.ts";
import { isWildcard, serverAddress } from "../app/server-address.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { createApi } from "./api.ts";
import { ByteBudget } from "./byte-budget.ts";
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
  /** As it listens: `http://127.0.0.1:7878`; where that is at every address, by the name of this host. */
  url: string;
  /** From now on `/readyz` says that it is about to end; requests are answered on. */
  drain(): void;
}

const GRACE_MS = 2_000;

/** Throws LISTEN_FAILED for a name that stands for no address. */
export async function checkListenHost(host: string): Promise<void> {
  try {
    await lookup(host);
  } catch (error) {
    throw listenFailed(`cannot listen at ${host}: there is no host of that name`, error);
  }
}

/** Listens at `host` (an address, or a name of this host) and `port` (0: any). Throws LISTEN_FAILED. */
export function openServer(
  options: ServerOptions & { listen: { host: string; port: number }; hostName: string },
): RunningServer {
  const { app, listen, hostName, limits, publicUrl } = options;
  const draining = new AbortController();
  const closing = new AbortController();
  let answer: (request: Request, server: Bun.Server<undefined>) => Promise<Response>;
  const server = bind(listen, limits.idleSeconds, (request, self) => answer(request, self));
  const port = server.port ?? listen.port;
  const url = serverAddress({ listen: { host: listen.host, port }, hostName });
  const api = createApi({
    ...options,
    baseUrl: publicUrl ?? url,
    hosts: hostRules({ own: ownHosts(listen.host, hostName), port, named: options.allowedHosts, publicUrl }),
    draining: draining.signal,
    closing: closing.signal,
    readiness: new Readiness(app, options.hasWorker ? options.executor : undefined),
    streams: new Slots("event streams", limits.streams, limits.streamsPerToken),
    uploads: new Slots("uploads", limits.uploads),
    webhookBodies: new ByteBudget(limits.webhookBytes),
    bodies: new ByteBudget(limits.bodyBytes),
    judging: new Slots("requests to judge pipeline files", limits.judging),
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
  idleTimeout: number,
  fetch: (request: Request, server: Bun.Server<undefined>) => Promise<Response>,
): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: host,
      port,
      fetch,
      idleTimeout,
      maxRequestBodySize: MAX_PACK_BYTES + 1,
      development: false,
      // Outside of development Bun would share the port with whoever else listens there.
      reusePort: false,
      error: (error) => problemResponse(toCicdError(error)),
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw listenFailed(`cannot listen at ${host} port ${port}${reasonOf(code)}`, error);
  }
}

function listenFailed(message: string, cause: unknown): CicdError {
  return new CicdError("LISTEN_FAILED", message, {
    hint: "choose another address: --listen HOST:PORT",
    cause,
  });
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

/**
 * By what names and addresses this host is reached where the server listens: a page cannot have its own name point to a
 * number, nor bear that of this host.
 */
function ownHosts(host: string, hostName: string): string[] {
  if (!isWildcard(host)) return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return [
    hostName,
    hostName.replace(/\..*$/, ""),
    ...addresses.map(({ address }) => address.replace(/%.*$/, "")),
  ];
}
