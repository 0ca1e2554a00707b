import { connect, createServer, type Socket } from "node:net";

/**
 * Stands between clients and a PostgreSQL server. After `stall()` nothing more passes on the connections there are, and new ones
 * are taken and not served, without anybody being told, as when a network swallows packets. After `heal()` new connections
 * are served; the old ones stay mute.
 */
export async function startStallingProxy(
  serverUrl: string,
): Promise<AsyncDisposable & { url: string; stall(): void; heal(): void }> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let generation = 0;
  let isStalled = false;
  const listener = createServer((client) => {
    sockets.add(client);
    client.on("error", () => {});
    if (isStalled) return;
    const mine = generation;
    const server = connect(Number(port), hostname);
    sockets.add(server);
    const pass = (from: Socket, to: Socket) =>
      from
        .on("data", (chunk) => {
          if (mine === generation) to.write(chunk);
        })
        .on("close", () => {
          if (mine === generation) to.destroy();
        });
    server.on("error", () => {});
    pass(client, server);
    pass(server, client);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = new URL(serverUrl);
  url.port = String(address.port);
  return {
    url: url.href,
    stall() {
      generation += 1;
      isStalled = true;
    },
    heal() {
      isStalled = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}
