type Variables = Readonly<Record<string, string | undefined>>;

const LOOPBACK = ["localhost", "127.0.0.1", "::1", "[::1]"];

/** What NO_PROXY has to hold: the user's own, and this host, which no proxy can reach. */
export function noProxy(variables: Variables): string {
  const own = variables.no_proxy ?? variables.NO_PROXY ?? "";
  return [...new Set([...own.split(","), ...LOOPBACK].map((entry) => entry.trim()))]
    .filter(Boolean)
    .join(",");
}

/** `HOST:PORT` of the proxy that requests to `url` go through, by the variables that programs share; undefined: none. */
export function proxyOf(url: string, variables: Variables): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  const names = protocol === "https:" ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy", "HTTP_PROXY"];
  const proxy = names.map((name) => variables[name]).find((value) => value !== undefined && value !== "");
  if (proxy === undefined || isExcepted(hostname, port, noProxy(variables))) return undefined;
  return URL.parse(proxy)?.host || undefined;
}

function isExcepted(hostname: string, port: string, exceptions: string): boolean {
  return exceptions.split(",").some((entry) => {
    const name = entry.toLowerCase().replace(/^\*?\./, "");
    return (
      name === "*" || hostname === name || `${hostname}:${port}` === name || hostname.endsWith(`.${name}`)
    );
  });
}
