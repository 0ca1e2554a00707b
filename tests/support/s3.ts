import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An S3-compatible server (the npm package s3rver) as a process of its own, with an empty bucket. */
export interface S3Server extends AsyncDisposable {
  bucket: string;
  /** What a cicd that uses it has in its environment. */
  variables: Record<string, string>;
}

export async function startS3(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), "cicd-s3-"));
  const program = join(import.meta.dir, "../../node_modules/s3rver/bin/s3rver.js");
  const options = ["-d", directory, "-a", "127.0.0.1", "-p", "0", "--configure-bucket", "cicd-test"];
  const server = Bun.spawn([process.execPath, program, ...options], { stdout: "pipe", stderr: "ignore" });
  const port = await readPort(server.stdout);
  return {
    bucket: "cicd-test",
    variables: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: "S3RVER",
      AWS_SECRET_ACCESS_KEY: "S3RVER",
      AWS_REGION: "us-east-1",
    },
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await server.exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function readPort(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    text += value ?? "";
    const [, port] = /listening on \S+:(\d+)/.exec(text) ?? [];
    if (port !== undefined) {
      void drain(reader);
      return port;
    }
    if (done) throw new Error(`the S3 server ended: ${text}`);
  }
}

/** So that the server never waits for somebody to read what it says. */
async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}
