import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between a client and the engine's socket until `stop` breaks everything off; `start` lets clients in again. */
export async function startEngineRelay(
  enginePath: string,
): Promise<AsyncDisposable & { host: string; start(): Promise<void>; stop(): void }> {
  const directory = mkdtempSync(join(tmpdir(), "cicd-relay-"));
  const path = join(directory, "docker.sock");
  const open = new Set<Socket>();
  let server: Server | undefined;
  const relay = {
    host: `unix://${path}`,
    start: () =>
      new Promise<void>((resolve) => {
        server = createServer((client) => relayBetween(client, connect(enginePath), open));
        server.listen(path, resolve);
      }),
    stop() {
      server?.close();
      rmSync(path, { force: true });
      for (const socket of open) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      relay.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await relay.start();
  return relay;
}

function relayBetween(client: Socket, engine: Socket, open: Set<Socket>): void {
  const pairs: [Socket, Socket][] = [
    [client, engine],
    [engine, client],
  ];
  for (const [from, to] of pairs) {
    open.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => {
      open.delete(from);
      to.end();
    });
  }
}
