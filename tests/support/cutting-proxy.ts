import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Stands between a client and the engine's socket, and breaks off each connection whose request matches once that many
 * bytes of the answer have passed; twice as many each time, so that a client that begins anew gets further.
 */
export async function startCuttingProxy(
  enginePath: string,
  cut: { request: RegExp; afterBytes: number },
): Promise<AsyncDisposable & { host: string; cuts: number }> {
  const directory = mkdtempSync(join(tmpdir(), "cicd-proxy-"));
  const path = join(directory, "docker.sock");
  const proxy = { host: `unix://${path}`, cuts: 0 };
  const server = createServer((client) => {
    const engine = connect(enginePath);
    let left: number | undefined;
    client.on("data", (chunk) => {
      if (cut.request.test(chunk.toString("latin1"))) left = cut.afterBytes * 2 ** proxy.cuts;
      engine.write(chunk);
    });
    engine.on("data", (chunk) => {
      client.write(left === undefined ? chunk : chunk.subarray(0, left));
      if (left === undefined) return;
      left -= chunk.length;
      if (left > 0) return;
      proxy.cuts += 1;
      client.end();
      engine.destroy();
    });
    const close = () => {
      client.destroy();
      engine.destroy();
    };
    client.on("close", close).on("error", close);
    engine.on("close", () => client.end()).on("error", close);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return Object.assign(proxy, {
    async [Symbol.asyncDispose]() {
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}
