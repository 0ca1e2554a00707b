import { listenBefore } from "./listen-before.ts";

/**
 * Stands between a client and a PostgreSQL server. After `swallow(request)` it lets the next request that contains these
 * words through, and breaks the connection instead of passing on the answer; once.
 */
export async function startDeafProxy(
  serverUrl: string,
): Promise<AsyncDisposable & { url: string; swallow(request: string): void; swallowed: number }> {
  let awaited: string | undefined;
  const proxy = {
    swallowed: 0,
    swallow(request: string) {
      awaited = request;
    },
  };
  const listener = await listenBefore(serverUrl, (client, server) => {
    let isDeaf = false;
    client.on("data", (chunk) => {
      if (awaited !== undefined && chunk.includes(awaited)) {
        awaited = undefined;
        isDeaf = true;
      }
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (!isDeaf) return void client.write(chunk);
      proxy.swallowed += 1;
      client.destroy();
      server.destroy();
    });
  });
  return Object.assign(proxy, listener);
}
