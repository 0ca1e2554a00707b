import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between a client and the engine's socket, and keeps the request lines that pass. */
export async function startRecordingProxy(
  enginePath: string,
): Promise<AsyncDisposable & { host: string; requestLines(): string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "cicd-proxy-"));
  const path = join(directory, "docker.sock");
  const sent: Buffer[][] = [];
  const server = createServer((client) => {
    const engine = connect(enginePath);
    const chunks: Buffer[] = [];
    sent.push(chunks);
    client.on("data", (chunk) => chunks.push(chunk));
    client.pipe(engine).pipe(client);
    const close = () => {
      client.destroy();
      engine.destroy();
    };
    client.on("error", close).on("close", close);
    engine.on("error", close);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    requestLines: () =>
      sent.flatMap((chunks) => {
        const text = Buffer.concat(chunks).toString("latin1");
        return text.match(/\b(?:GET|HEAD|POST|PUT|DELETE) \/\S* HTTP\/1\.1(?=\r\n)/g) ?? [];
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
