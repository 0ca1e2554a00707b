import { connect, createServer } from "node:net";

/**
 * Stands between a client and a PostgreSQL server. A connection on which the client ever said these words is a black hole
 * from then on: it stays open, and nothing passes in either direction. While `swallowsAll` is set every connection becomes one.
 */
export async function startBlackHoleProxy(
  serverUrl: string,
  words: string,
): Promise<AsyncDisposable & { url: string; swallowed: number; swallowsAll: boolean }> {
  const { hostname, port } = new URL(serverUrl);
  const proxy = { url: "", swallowed: 0, swallowsAll: false };
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
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
    const close = () => {
      client.destroy();
      server.destroy();
    };
    client.on("close", close).on("error", close);
    server.on("close", close).on("error", close);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = new URL(serverUrl);
  url.port = String(address.port);
  proxy.url = url.href;
  return Object.assign(proxy, {
    async [Symbol.asyncDispose]() {
      listener.close();
    },
  });
}
