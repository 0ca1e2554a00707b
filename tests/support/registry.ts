import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";

/** A registry of our own on loopback, which Docker engines accept without TLS. Made with Debian's `docker-registry`. */
export interface Registry extends AsyncDisposable {
  /** Puts a local image there under a new name and forgets it locally; returns the name to pull. */
  publish(localImage: string, name: string): Promise<string>;
  /** `127.0.0.1:PORT` */
  address: string;
}

/** With `login` it answers to that user alone. */
export async function startRegistry(login?: { user: string; password: string }): Promise<Registry> {
  if (!existsSync("/usr/bin/docker-registry")) {
    await $`apt-get install -y --no-install-recommends docker-registry`.quiet();
  }
  const root = mkdtempSync(join(tmpdir(), "cicd-registry-"));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const settings = join(root, "config.yml");
  const auth = login === undefined ? {} : { auth: { htpasswd: await writePasswords(root, login) } };
  const storage = { filesystem: { rootdirectory: join(root, "data") } };
  if (login !== undefined) writeFileSync(join(root, "config.json"), dockerConfig({ [address]: login }));
  writeFileSync(settings, JSON.stringify({ version: 0.1, storage, http: { addr: address }, ...auth }));
  const server = Bun.spawn(["/usr/bin/docker-registry", "serve", settings], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const deadline = Date.now() + 10_000;
  const expected = login === undefined ? 200 : 401;
  while ((await fetch(`http://${address}/v2/`).catch(() => undefined))?.status !== expected) {
    if (Date.now() > deadline) throw new Error("the registry did not come up");
    await Bun.sleep(20);
  }
  const config = login === undefined ? [] : ["--config", root];
  return {
    address,
    async publish(localImage, name) {
      const remote = `${address}/${name}`;
      await $`docker tag ${localImage} ${remote}`.quiet();
      await $`docker ${config} push -q ${remote} && docker rmi ${remote}`.quiet();
      return remote;
    },
    async [Symbol.asyncDispose]() {
      server.kill();
      await server.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A server on loopback that takes connections and never answers. */
export async function startSilentServer(): Promise<AsyncDisposable & { address: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    socket.resume();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A `config.json` of the docker program that holds these logins by registry. */
export function dockerConfig(logins: Record<string, { user: string; password: string }>): string {
  const auths = Object.entries(logins).map(([address, { user, password }]) => [
    address,
    { auth: Buffer.from(`${user}:${password}`).toString("base64") },
  ]);
  return JSON.stringify({ auths: Object.fromEntries(auths) });
}

/** Returns the registry's `htpasswd` settings. */
async function writePasswords(root: string, { user, password }: { user: string; password: string }) {
  const path = join(root, "htpasswd");
  const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(path, `${user}:${hash}\n`);
  return { realm: "test", path };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
