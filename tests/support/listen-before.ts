import { connect, createServer, type Socket } from "node:net";

/** Listens at a free port, and gives each client a connection to the server of that URL; both end together. */
export async function listenBefore(
  serverUrl: string,
  join: (client: Socket, server: Socket) => void,
): Promise<AsyncDisposable & { url: string }> {
  const { hostname, port } = new URL(serverUrl);
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
    join(client, server);
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
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      listener.close();
    },
  };
}
