import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";

/** A registry of our own on loopback, which Docker engines accept without TLS. Made with Debian's `docker-registry`. */
export interface Registry extends AsyncDisposable {
  /** Puts a local image there under a new name and forgets it locally; returns the name to pull. */
  publish(localImage: string, name: string): Promise<string>;
}

export async function startRegistry(): Promise<Registry> {
  if (!existsSync("/usr/bin/docker-registry")) {
    await $`apt-get install -y --no-install-recommends docker-registry`.quiet();
  }
  const root = mkdtempSync(join(tmpdir(), "cicd-registry-"));
  const port = await freePort();
  const config = join(root, "config.yml");
  writeFileSync(
    config,
    `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${root}/data\nhttp:\n  addr: 127.0.0.1:${port}\n`,
  );
  const server = Bun.spawn(["/usr/bin/docker-registry", "serve", config], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const deadline = Date.now() + 10_000;
  while (!(await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined))?.ok) {
    if (Date.now() > deadline) throw new Error("the registry did not come up");
    await Bun.sleep(20);
  }
  return {
    async publish(localImage, name) {
      const remote = `127.0.0.1:${port}/${name}`;
      await $`docker tag ${localImage} ${remote} && docker push -q ${remote} && docker rmi ${remote}`.quiet();
      return remote;
    },
    async [Symbol.asyncDispose]() {
      server.kill();
      await server.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
