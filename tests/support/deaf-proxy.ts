import { connect, createServer } from "node:net";

/**
 * Stands between a client and a PostgreSQL server. After `swallow(request)` it lets the next request that contains these
 * words through, and breaks the connection instead of passing on the answer; once.
 */
export async function startDeafProxy(
  serverUrl: string,
): Promise<AsyncDisposable & { url: string; swallow(request: string): void; swallowed: number }> {
  const { hostname, port } = new URL(serverUrl);
  let awaited: string | undefined;
  const proxy = {
    url: "",
    swallowed: 0,
    swallow(request: string) {
      awaited = request;
    },
  };
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
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
