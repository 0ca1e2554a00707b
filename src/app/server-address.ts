const WILDCARDS = ["0.0.0.0", "::"];

/** Whether a server that listens there is reached by every address of its host. */
export function isWildcard(host: string): boolean {
  return WILDCARDS.includes(host);
}

/**
 * How people and webhooks reach a server, as far as it can know itself, without a slash at its end: `publicUrl` where that is
 * set, else where it listens; by the name of its host where it listens at every address.
 */
export function serverAddress(options: {
  listen: { host: string; port: number };
  hostName: string;
  publicUrl?: string | undefined;
}): string {
  const { listen, hostName, publicUrl } = options;
  const host = isWildcard(listen.host) ? hostName : listen.host;
  return publicUrl ?? `http://${host.includes(":") ? `[${host}]` : host}:${listen.port}`;
}
