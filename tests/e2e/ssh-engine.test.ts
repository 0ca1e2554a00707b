import { expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { Server, utils } from "ssh2";
import { Sandbox } from "../support/sandbox.ts";

const PIPELINE = `name: far\njobs: { one: { stage: build, image: "cicd-test/busybox:1", script: "echo reached" } }\n`;
const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");

/** An ssh server that lets everybody in and joins `docker system dial-stdio` to this host's engine. */
async function serveEngine(): Promise<{ host: string; commands: string[] } & AsyncDisposable> {
  const commands: string[] = [];
  const server = new Server({ hostKeys: [utils.generateKeyPairSync("ed25519").private] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", (attempt) => attempt.accept());
    client.on("session", (acceptSession) =>
      acceptSession().on("exec", (accept, _, { command }) => {
        commands.push(command);
        const channel = accept();
        const engine = connect("/var/run/docker.sock");
        channel.pipe(engine).pipe(channel);
        engine.on("close", () => channel.close());
        channel.on("close", () => engine.destroy());
      }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => void server.close();
  return { host: `ssh://somebody@127.0.0.1:${port}`, commands, [Symbol.asyncDispose]: close };
}

test("an engine is reached by ssh, compiled and from the sources", async () => {
  await using engine = await serveEngine();
  await using sandbox = await Sandbox.open(
    { ".cicd-pipelines/far.yml": PIPELINE },
    { DOCKER_HOST: engine.host },
  );
  const compiled = await sandbox.cicd("run");
  expect(compiled).toMatchObject({ status: 0 });
  expect(compiled.stderr).toContain("[one] reached");
  expect(new Set(engine.commands)).toEqual(new Set(["docker system dial-stdio"]));

  engine.commands.length = 0;
  const child = Bun.spawn([process.execPath, MAIN, "doctor"], {
    cwd: sandbox.repo,
    env: sandbox.environment,
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await new Response(child.stdout).text()).toContain(`, ${engine.host}, `);
  expect(await child.exited).toBe(0);
  expect(engine.commands).not.toEqual([]);
  expect(await sandbox.dockerObjects()).toEqual([]);
}, 60_000);
