import { listenBefore } from "./listen-before.ts";

/**
 * Stands between a client and a PostgreSQL server. A connection on which the client ever said these words is a black hole
 * from then on: it stays open, and nothing passes in either direction. While `swallowsAll` is set every connection becomes one.
 */
export async function startBlackHoleProxy(
  serverUrl: string,
  words: string,
): Promise<AsyncDisposable & { url: string; swallowed: number; swallowsAll: boolean }> {
  const proxy = { swallowed: 0, swallowsAll: false };
  const listener = await listenBefore(serverUrl, (client, server) => {
    let isHole = false;
    client.on("data", (chunk) => {
      if (!isHole && (proxy.swallowsAll || chunk.includes(words))) {
        isHole = true;
        proxy.swallowed += 1;
      }
      if (!isHole) server.write(chunk);
    });
    server.on("data", (chunk) => {
      isHole ||= proxy.swallowsAll;
      if (!isHole) client.write(chunk);
    });
  });
  return Object.assign(proxy, listener);
}
