import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import {
  type DockerLogin,
  findCredentials,
  registryOf,
} from "../../src/executor/docker/registry-credentials.ts";
import type { ExecutionResult } from "../../src/run/executor.ts";
import { Bench } from "../contract/executor.ts";
import { dockerHost, labelledObjects } from "../support/docker.ts";
import { eventually } from "../support/eventually.ts";
import { testImage } from "../support/images.ts";
import { startRecordingProxy } from "../support/recording-proxy.ts";
import { dockerConfig, type Registry, startRegistry } from "../support/registry.ts";
import { Sandbox } from "../support/sandbox.ts";

setDefaultTimeout(120_000);

const USER = "ann";
const PASSWORD = `pa:ss-${crypto.randomUUID()}`;
const LOGIN = { user: USER, password: PASSWORD };
const base64 = (text: string) => Buffer.from(text).toString("base64");
const never = new AbortController().signal;

const root = mkdtempSync(join(tmpdir(), "cicd-credentials-"));
const bench = new Bench((place) => createDockerExecutor({ ...place, connection: { host: dockerHost() } }));
let registry: Registry;
let local: string;

beforeAll(async () => {
  registry = await startRegistry(LOGIN);
  local = await testImage("busybox");
  await bench.open(null);
});
afterAll(async () => {
  await bench.close();
  await registry[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** A config directory with this `config.json`, and helpers (shell scripts by name) on the PATH. */
function makeLogin(config: string | object, helpers: Record<string, string> = {}): DockerLogin {
  const configDir = mkdtempSync(join(root, "login-"));
  writeFileSync(join(configDir, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  for (const [name, script] of Object.entries(helpers)) {
    writeFileSync(join(configDir, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return { configDir, environment: { PATH: `${configDir}:/usr/bin:/bin`, CONFIG_DIR: configDir } };
}

const answer = (username: string, secret: string) =>
  `printf '%s' '${JSON.stringify({ ServerURL: "any", Username: username, Secret: secret })}'`;

/** What the docker program would send for an image, by this `config.json`. */
const find = (config: string | object, image: string, helpers?: Record<string, string>) =>
  findCredentials(makeLogin(config, helpers), image, never);

describe("the registry of an image", () => {
  test.each([
    ["busybox", "docker.io"],
    ["busybox:1.36", "docker.io"],
    ["team/tool:2", "docker.io"],
    ["docker.io/team/tool", "docker.io"],
    ["index.docker.io/library/node", "docker.io"],
    ["localhost/tool", "localhost"],
    ["localhost:5000/tool", "localhost:5000"],
    ["127.0.0.1:5000/a/b:1", "127.0.0.1:5000"],
    ["[::1]:5000/tool", "[::1]:5000"],
    ["registry.example.org/a/b/c@sha256:00", "registry.example.org"],
    ["host:5000/tool:7", "host:5000"],
    ["Host/tool", "Host"],
  ])("of %s is %s", (image, expected) => {
    expect(registryOf(image)).toBe(expected);
  });
});

describe("the credentials of a registry", () => {
  test("are the name and password in its entry, where the password may hold colons", async () => {
    const config = dockerConfig({ "host:5000": LOGIN });
    expect(await find(config, "host:5000/tool")).toEqual({
      credentials: { serveraddress: "host:5000", username: USER, password: PASSWORD },
    });
    expect(await find(config, "host:5001/tool")).toEqual({});
    expect(await find(config, "host/tool")).toEqual({});
  });

  test("are Docker Hub's under its old address", async () => {
    const key = "https://index.docker.io/v1/";
    const credentials = { serveraddress: key, username: USER, password: PASSWORD };
    expect(await find(dockerConfig({ [key]: LOGIN }), "team/tool")).toEqual({ credentials });
  });

  test("are found under a URL of the host, as old programs wrote them", async () => {
    const found = await find(dockerConfig({ "https://host.example/v2/": LOGIN }), "host.example/tool");
    expect(found.credentials).toMatchObject({ serveraddress: "host.example", password: PASSWORD });
  });

  test("are an identity token", async () => {
    const auths = { "host:5000": { auth: base64("id:"), identitytoken: "token" } };
    const credentials = { serveraddress: "host:5000", username: "id", identitytoken: "token" };
    expect(await find({ auths }, "host:5000/tool")).toEqual({ credentials });
  });

  test("are none where there is no file or an empty entry", async () => {
    const login = { configDir: join(root, "nowhere"), environment: {} };
    expect(await findCredentials(login, "host:5000/tool", never)).toEqual({});
    expect(await find({ auths: { "host:5000": {} } }, "host:5000/tool")).toEqual({});
    expect(await find({ auths: null, credHelpers: 3 }, "host:5000/tool")).toEqual({});
  });

  test("come from the registry's own helper, else from the store for all, which go before the entries", async () => {
    const config = {
      ...JSON.parse(dockerConfig({ "one:1": LOGIN, "two:2": LOGIN, "three:3": LOGIN })),
      credsStore: "all",
      credHelpers: { "one:1": "own", "three:3": "" },
    };
    const helpers = { own: answer("<token>", "identity"), all: answer("bob", "other") };
    const found = async (image: string) => (await find(config, image, helpers)).credentials;
    expect(await found("one:1/tool")).toEqual({ serveraddress: "one:1", identitytoken: "identity" });
    expect(await found("two:2/tool")).toEqual({ serveraddress: "two:2", username: "bob", password: "other" });
    expect(await found("three:3/tool")).toMatchObject({ password: PASSWORD });
  });

  test("are asked for with the registry on the helper's stdin", async () => {
    const script = `test "$*" = get && test "$(cat)" = https://index.docker.io/v1/ && ${answer(USER, PASSWORD)}`;
    const found = await find({ credsStore: "strict" }, "busybox", { strict: script });
    expect(found.credentials).toMatchObject({ username: USER, password: PASSWORD });
  });

  test("are none without any complaint when the helper knows none", async () => {
    const script = "echo credentials not found in native keychain; exit 1";
    expect(await find({ credsStore: "empty" }, "busybox", { empty: script })).toEqual({});
  });
});

describe("what is wrong with a login is told without its secrets", () => {
  const secret = base64(`${USER}:${PASSWORD}`);
  test.each([
    ["is not valid JSON", `{"auths":{"host:5000":{"auth":"${secret}"}}`, {}],
    ["is not understood", { auths: { "host:5000": { auth: base64(PASSWORD.replace(":", "")) } } }, {}],
    ["docker-credential-gone is not on the PATH", { credsStore: "gone" }, {}],
    [
      "failed with exit status 7",
      { credsStore: "bad" },
      { bad: `echo ${secret} ${PASSWORD} | tee /dev/stderr; exit 7` },
    ],
    ["an answer that is not understood", { credsStore: "odd" }, { odd: `echo '"${PASSWORD}'` }],
    ["an answer that is not understood", { credsStore: "odd" }, { odd: `echo '{"Secret":"${PASSWORD}"}'` }],
    ["failed with exit status", { credsStore: "endless" }, { endless: `yes ${PASSWORD}` }],
  ])("%s", async (expected, config, helpers: Record<string, string>) => {
    const found = await find(config, "host:5000/tool", helpers);
    expect(found.credentials).toBeUndefined();
    expect(found.problem).toContain(expected);
    expect(found.problem).not.toContain("\n");
    expectNoSecret(found.problem);
  });

  test.concurrent("a helper that never answers is ended with all it started, after ten seconds", async () => {
    const login = makeLogin(
      { credsStore: "stuck" },
      { stuck: 'sleep 1000 & echo $! > "$CONFIG_DIR/pid"; wait' },
    );
    const found = await findCredentials(login, "busybox", never);
    expect(found).toEqual({ problem: "docker-credential-stuck did not answer within 10 seconds" });
    await expectEnded(join(login.configDir, "pid"));
  });

  test.concurrent("a file that cannot be read", async () => {
    const login = makeLogin({});
    await $`rm ${login.configDir}/config.json && mkdir ${login.configDir}/config.json`;
    expect((await findCredentials(login, "busybox", never)).problem).toContain("cannot be read (EISDIR)");
  });
});

describe("a pull from a registry with a password", () => {
  test.concurrent("fails without credentials, and the hint is to log in", async () => {
    const { result, told } = await pull(await registry.publish(local, "none:1"), undefined);
    expect(result).toMatchObject({ status: "failed", exitCode: null, failureReason: "image_pull_failure" });
    expect(result.message).toContain(`\`docker login ${registry.address}\``);
    expect(told).not.toContain("without credentials");
  });

  test.concurrent("fails with a wrong password, and the password is not told", async () => {
    const name = await registry.publish(local, "wrong:1");
    const wrong = { user: USER, password: `${PASSWORD}-old` };
    const { result } = await pull(name, makeLogin(dockerConfig({ [registry.address]: wrong })));
    expect(result).toMatchObject({ failureReason: "image_pull_failure" });
    expect(result.message).toContain("docker login");
  });

  test.concurrent("works with what docker login wrote", async () => {
    const name = await registry.publish(local, "auths:1");
    const configDir = mkdtempSync(join(root, "login-"));
    const host = registry.address;
    await $`docker --config ${configDir} login --username ${USER} --password-stdin ${host} < ${Buffer.from(PASSWORD)}`.quiet();
    const { result, told } = await pull(name, { configDir, environment: {} });
    expect(result).toMatchObject({ status: "success" });
    expect(told).toContain(`Pulled ${name}`);
    await $`docker rmi ${name}`.quiet();
  });

  test.concurrent("works with a credential helper, which is asked when there is something to pull, and only then", async () => {
    const name = await registry.publish(local, "helper:1");
    const script = `echo "$* $(cat)" >> "$CONFIG_DIR/asked"; ${answer(USER, PASSWORD)}`;
    const login = makeLogin({ credHelpers: { [registry.address]: "test" } }, { test: script });
    expect((await pull(name, login)).result).toMatchObject({ status: "success" });
    expect((await pull(name, login)).result).toMatchObject({ status: "success" });
    expect(readFileSync(join(login.configDir, "asked"), "utf8")).toBe(`get ${registry.address}\n`);
    await $`docker rmi ${name}`.quiet();
  });

  test.concurrent("sends the credentials in no URL", async () => {
    const name = await registry.publish(local, "header:1");
    const login = makeLogin({ credsStore: "test" }, { test: answer(USER, PASSWORD) });
    await using proxy = await startRecordingProxy(dockerHost().slice("unix://".length));
    await using executor = executorWith(login, proxy.host);
    await using execution = await executor.start(specOf(name, []), never);
    expect(await execution.result).toMatchObject({ status: "success" });
    const pulls = proxy.requestLines().filter((line) => line.includes("fromImage"));
    expect(pulls).toEqual([`POST /images/create?fromImage=${encodeURIComponent(name)} HTTP/1.1`]);
    await execution[Symbol.asyncDispose]();
    await $`docker rmi ${name}`.quiet();
  });

  test.concurrent("goes on without credentials when the helper fails, and says why in one line", async () => {
    const name = await registry.publish(local, "broken:1");
    const login = makeLogin({ credsStore: "bad" }, { bad: `echo ${PASSWORD} | tee /dev/stderr; exit 1` });
    const { result, told } = await pull(name, login);
    expect(result).toMatchObject({ failureReason: "image_pull_failure" });
    expect(told.split("\n").filter((line) => line.includes("credentials"))).toEqual([
      "Pulling without credentials: docker-credential-bad failed with exit status 1",
    ]);
  });

  test.concurrent("ends at once when its job is canceled while the helper thinks", async () => {
    const name = await registry.publish(local, "canceled:1");
    const login = makeLogin({ credsStore: "slow" }, { slow: 'echo $$ > "$CONFIG_DIR/pid"; exec sleep 1000' });
    const pidFile = join(login.configDir, "pid");
    await using executor = executorWith(login);
    const stop = new AbortController();
    const starting = executor.start(specOf(name, []), stop.signal);
    await eventually(() => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
    stop.abort("cancel");
    expect(await (await starting).result).toMatchObject({ status: "canceled" });
    await expectEnded(pidFile);
  });

  test("is what the program does with the DOCKER_CONFIG and PATH it finds, and no secret is stored or shown", async () => {
    const name = await registry.publish(local, "program:1");
    const login = makeLogin({ credsStore: "test" }, { test: answer(USER, PASSWORD) });
    const pipeline = `name: p\njobs:\n  j: { stage: test, image: "${name}", script: echo inside }\n`;
    const PATH = `${login.configDir}:${process.env.PATH}`;
    const environment = { DOCKER_CONFIG: login.configDir, PATH, DEBUG: "*" };
    await using sandbox = await Sandbox.open({ ".cicd-pipelines/p.yml": pipeline }, environment);
    const { status, stdout, stderr } = await sandbox.cicd("run", "--json", "-v");
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout).toContain(`Pulled ${name}`);
    expectNoSecret(stdout + stderr);
    expect(stdout + stderr).not.toMatch(/x-registry-auth/i);
    const found = await $`grep -rlaF -e ${PASSWORD} -e ${base64(`${USER}:${PASSWORD}`)} ${sandbox.directory}`
      .nothrow()
      .text();
    expect(found).toBe("");
    await $`docker rmi ${name}`.quiet();
  });
});

function executorWith(login: DockerLogin | undefined, host = dockerHost()) {
  const { instance, stateDir } = bench;
  const connection = { host };
  return createDockerExecutor({ instance, stateDir, connection, ...(login === undefined ? {} : { login }) });
}

function specOf(name: string, lines: string[]) {
  const image = { name, entrypoint: undefined, pullPolicy: "if-not-present" as const };
  return bench.spec({ script: ["true"], image }, { onProgress: (line) => lines.push(line) });
}

/** Runs a job in the image with this login; `told` is its progress. Nothing of it may be secret, and nothing stays. */
async function pull(
  name: string,
  login: DockerLogin | undefined,
): Promise<{ result: ExecutionResult; told: string }> {
  const lines: string[] = [];
  await using executor = executorWith(login);
  const spec = specOf(name, lines);
  let result: ExecutionResult;
  {
    await using execution = await executor.start(spec, never);
    for await (const _ of execution.logs);
    result = await execution.result;
  }
  expectNoSecret(JSON.stringify([lines, result]));
  expect(
    (await labelledObjects(bench.instance)).filter((object) => `${object}-`.startsWith(`${spec.name}-`)),
  ).toEqual([]);
  return { result, told: lines.join("\n") };
}

function expectNoSecret(text: string | undefined): void {
  for (const secret of [
    PASSWORD,
    PASSWORD.replace(":", ""),
    base64(PASSWORD),
    base64(`${USER}:${PASSWORD}`),
  ]) {
    expect(text).not.toContain(secret);
  }
}

/** No process of the id in this file runs any more. */
async function expectEnded(pidFile: string): Promise<void> {
  const pid = readFileSync(pidFile, "utf8").trim();
  const state = () => (existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "");
  await eventually(() => /^$|\) Z /.test(state()));
}
