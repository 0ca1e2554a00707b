import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { Image } from "../../src/pipeline/pipeline.ts";
import { Bench, readLog, readUntil } from "../contract/executor.ts";
import { CollectedFiles } from "../support/collected-files.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { dockerHost, labelledObjects } from "../support/docker.ts";
import { startEngineRelay } from "../support/engine-relay.ts";
import { type TestImage, testImage } from "../support/images.ts";
import { startRecordingProxy } from "../support/recording-proxy.ts";

setDefaultTimeout(120_000);

const connection = { host: dockerHost() };
const bench = new Bench((place) => createDockerExecutor({ ...place, connection }));
const never = () => new AbortController().signal;

async function image(name: TestImage, change: Partial<Image> = {}): Promise<Image> {
  return { name: await testImage(name), entrypoint: undefined, pullPolicy: "if-not-present", ...change };
}

beforeAll(async () => bench.open(await image("busybox")));
afterAll(() => bench.close());

describe("the container of a job", () => {
  test.concurrent("is hardened, bounded, labelled, and sees nothing of the host", async () => {
    const spec = bench.spec({ script: ["echo up; sleep 60"] });
    await using execution = await bench.executor.start(spec, never());
    await readUntil(execution, "up");
    const [container] = await $`docker inspect ${spec.name}`.json();
    const { HostConfig: host, Config: config } = container;
    expect(host).toMatchObject({
      Init: true,
      AutoRemove: false,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 4096,
      Binds: null,
    });
    expect(host.CapAdd.filter((name: string) => /NET_RAW|SYS_ADMIN|MKNOD/.test(name))).toEqual([]);
    expect(host.Devices ?? []).toEqual([]);
    expect(host.LogConfig.Config["max-file"]).toBe("1");
    expect(container.Mounts.map((mount: { Type: string }) => mount.Type)).toEqual(["volume"]);
    expect(config.Labels).toMatchObject({
      "cicd.instance": bench.instance,
      "cicd.run": spec.labels.run,
      "cicd.job": spec.labels.job,
      "cicd.attempt": "1",
    });
    const made = ["", "-upper", "-work", "-workspace"].map((suffix) => spec.name + suffix);
    expect(await labelledObjects(bench.instance)).toEqual(expect.arrayContaining(made));
  });

  test.concurrent("can reach no other job's container", async () => {
    const listening = bench.spec({ script: ["echo up; echo secret | nc -l -p 7000"] });
    await using server = await bench.executor.start(listening, never());
    await readUntil(server, "up");
    const [container] = await $`docker inspect ${listening.name}`.json();
    const [network] = Object.values(container.NetworkSettings.Networks) as { IPAddress: string }[];
    const { log } = await bench.run({
      script: [
        `nc -w 2 ${network!.IPAddress} 7000 </dev/null || echo closed; nc -w 2 ${listening.name} 7000 </dev/null || echo closed`,
      ],
    });
    expect(log).not.toContain("secret\n");
    expect(log.match(/^closed$/gm)).toHaveLength(2);
  });

  test.concurrent("runs in bash where the image has it, else in sh", async () => {
    const script = ['echo "${BASH_VERSION:-no bash}"'];
    expect((await bench.run({ script, image: await image("bash") })).log).toMatch(/\n\d+\.\d+/);
    expect((await bench.run({ script })).log).toContain("\nno bash\n");
  });

  test.concurrent("keeps no trace of the machinery in the job's environment", async () => {
    const { log } = await bench.run({
      script: ["env | cut -d= -f1 | sort | xargs; set | grep -i cicd || echo clean"],
    });
    expect(log).toContain("\nHOME HOSTNAME PATH PWD SHLVL\nclean\n");
  });

  test.concurrent("honours an entrypoint of the pipeline, and ignores an empty one", async () => {
    const entrypoint = ["/bin/env", "ENTERED=yes"];
    const script = ["echo entered=$ENTERED"];
    const given = await bench.run({ script, image: await image("busybox", { entrypoint }) });
    expect(given.log).toContain("\nentered=yes\n");
    const empty = await bench.run({ script, image: await image("busybox", { entrypoint: [""] }) });
    expect(empty.log).toContain("\nentered=\n");
  });

  test.concurrent("works as the image's user, who may write where the layers' permissions let everybody", async () => {
    const layer = bench.layer({ "sub/file": "x\n" });
    chmodSync(layer, 0o777);
    chmodSync(join(layer, "sub"), 0o777);
    chmodSync(join(layer, "sub/file"), 0o666);
    const script = ["id -u", "echo new > top", "echo more >> sub/file; echo new > sub/new; cat sub/*"];
    const user = await image("user");
    for (const workspaceMode of ["overlay", "copy"] as const) {
      const place = { instance: bench.instance, stateDir: bench.stateDir, connection, workspaceMode };
      await using executor = createDockerExecutor(place);
      await using execution = await executor.start(
        bench.spec({ script, image: user }, { layers: [layer] }),
        never(),
      );
      expect(await readLog(execution)).toEndWith("sub/*\nx\nmore\nnew\n");
      expect(await execution.result).toMatchObject({ status: "success" });
    }
  });

  test.concurrent("that uses too much memory is killed, and the result says so, but not of any other kill", async () => {
    const limits = { memoryBytes: 32_000_000 };
    const place = { instance: bench.instance, stateDir: bench.stateDir, connection, limits };
    await using executor = createDockerExecutor(place);
    const scripts = ["tail /dev/zero", "sh -c 'tail /dev/zero' || exit 9", "exit 137", "kill -9 $$"];
    const results = await Promise.all(
      scripts.map(async (script) => {
        await using execution = await executor.start(bench.spec({ script: [script] }), never());
        await readLog(execution);
        return await execution.result;
      }),
    );
    expect(results[0]).toMatchObject({ status: "failed", exitCode: 137, failureReason: "oom_killed" });
    expect(results[1]).toMatchObject({ status: "failed", exitCode: 9, failureReason: "oom_killed" });
    for (const result of results.slice(2)) {
      expect(result).toMatchObject({ status: "failed", exitCode: 137, failureReason: "script_failure" });
    }
  });

  test.concurrent("that somebody removes is the machine's failure, not the script's", async () => {
    const attempts = Array.from({ length: 4 }, async () => {
      const spec = bench.spec({ script: ["echo up; sleep 60"], afterScript: ["true"] });
      await using execution = await bench.executor.start(spec, never());
      await readUntil(execution, "up");
      await $`docker rm -f ${spec.name}`.quiet();
      expect(await execution.result).toEqual({
        status: "failed",
        exitCode: null,
        failureReason: "runner_system_failure",
        message: "The container was removed while the job ran.",
      });
    });
    await Promise.all(attempts);
  });

  test.concurrent("of an image without a shell fails with a message that names the image", async () => {
    const spec = bench.spec({ script: ["true"], afterScript: ["true"], image: await image("no-shell") });
    await using execution = await bench.executor.start(spec, never());
    await readLog(execution);
    const result = await execution.result;
    expect(result).toMatchObject({ status: "failed", failureReason: "image_without_shell" });
    expect(result.message).toContain("cicd-test/no-shell:1 has no shell");
    const missing = await bench.run({ script: ["no-such-command"] });
    expect(missing.result).toMatchObject({ exitCode: 127, failureReason: "script_failure" });
  });
});

describe("the workspace", () => {
  test.concurrent("is mounted as an overlay on this engine", async () => {
    const executor = createDockerExecutor({ instance: bench.instance, stateDir: bench.stateDir, connection });
    expect(await executor.workspaceMode()).toBe("overlay");
    const { log } = await bench.run(
      { script: ["grep ' /workspace ' /proc/mounts"] },
      { layers: [bench.layer({ a: "" })] },
    );
    expect(log).toContain("\noverlay /workspace overlay ");
  });

  test.concurrent("takes more and longer layer paths than one mount can", async () => {
    const deep = join(bench.stateDir, "d".repeat(200), "e".repeat(200));
    const odd = join(bench.stateDir, 'odd, "name": \\x');
    const layers = Array.from({ length: 30 }, (_, index) =>
      join(index === 20 ? odd : deep, `layer-${index}`),
    );
    for (const [index, layer] of layers.entries()) {
      mkdirSync(join(layer, "sub"), { recursive: true });
      writeFileSync(join(layer, "sub", "newest"), `${index}\n`);
      writeFileSync(join(layer, `own-${index}`), "");
    }
    const { log } = await bench.run({ script: ["cat sub/newest; ls | wc -l"] }, { layers });
    expect(log).toEndWith("\n29\n31\n");
  });

  test.concurrent("of 3,000 files and 60 MB is copied whole where it cannot be mounted", async () => {
    const layer = bench.layer({});
    const bytes = Buffer.alloc(20_000, "content ");
    for (let index = 0; index < 3_000; index++) {
      const directory = join(layer, `d${index % 50}`);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `f${index}`), bytes);
    }
    writeFileSync(Buffer.concat([Buffer.from(`${layer}/d0/`), Buffer.from([0xe9, 0xff])]), "");
    symlinkSync(Buffer.from([0xfc, 0xfe]), join(layer, `link-${"l".repeat(150)}`));
    const place = {
      instance: bench.instance,
      stateDir: bench.stateDir,
      connection,
      workspaceMode: "copy" as const,
    };
    await using executor = createDockerExecutor(place);
    const script = [
      "cat d0/$(printf '\\351\\377') && rm d0/$(printf '\\351\\377'); readlink link-* | od -An -b",
      "find . -type f | wc -l; cat d*/* | wc -c",
    ];
    await using execution = await executor.start(bench.spec({ script }, { layers: [layer] }), never());
    const log = await readLog(execution);
    expect(log).toContain("\n 374 376 012\n");
    expect(log).toEndWith("\n3000\n60000000\n");
    const sink = new CollectedFiles();
    await execution.collect({ paths: ["d1*/f1?"], exclude: [] }, sink, never());
    expect(Object.keys(sink.files).toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => `d1${n}/f1${n}`));
  });
});

describe("the log", () => {
  const count = 60_000;
  const script = [`i=0; while [ $i -lt ${count} ]; do echo "line $i of a log"; i=$((i+1)); done`];
  const expected = Array.from({ length: count }, (_, line) => `line ${line} of a log\n`).join("");

  test.concurrent("is whole although the connection breaks off again and again", async () => {
    const socket = connection.host.slice("unix://".length);
    await using proxy = await startCuttingProxy(socket, { request: /\/attach|\/logs/, afterBytes: 700_000 });
    const place = { instance: bench.instance, stateDir: bench.stateDir, connection: { host: proxy.host } };
    await using executor = createDockerExecutor({ ...place, workspaceMode: "copy" });
    const spec = bench.spec({ script: [...script, "sleep 1; exit 8"] });
    await using execution = await executor.start(spec, never());
    const log = await readLog(execution);
    expect(log.slice(log.indexOf("\n") + 1)).toBe(`${expected}$ sleep 1; exit 8\n`);
    expect(await execution.result).toMatchObject({ exitCode: 8 });
    expect(proxy.cuts).toBeGreaterThan(0);
  });

  test.concurrent("goes on at the exact byte for whoever adopts the job, at any offset", async () => {
    const spec = bench.spec({ script: ["printf 'ab\\377\\200c\\n'", ...script, "sleep 1", "printf end"] });
    const first = await bench.executor.start(spec, never());
    const whole = Buffer.concat(await Array.fromAsync(first.logs));
    await first.result;
    for (const logOffset of [1, 1_000, 999_999, whole.length]) {
      await using successor = await bench.reopen();
      const second = await successor.start({ ...spec, logOffset }, never());
      const rest = Buffer.concat(await Array.fromAsync(second.logs));
      expect(rest.equals(whole.subarray(logOffset))).toBe(true);
    }
    await first[Symbol.asyncDispose]();
  });

  test.concurrent("of one line of 200 MB passes through little memory, at the reader's pace", async () => {
    const spec = bench.spec({ script: ["head -c 200000000 /dev/zero | tr '\\0' x"] });
    await using execution = await bench.executor.start(spec, never());
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of execution.logs) {
      bytes += chunk.length;
      hash.update(chunk);
    }
    expect(bytes).toBeGreaterThan(200_000_000);
    expect(await execution.result).toMatchObject({ status: "success" });
  });
});

describe("the engine", () => {
  test.concurrent("that does not answer is DOCKER_UNREACHABLE, with a hint", async () => {
    const place = { instance: bench.instance, stateDir: bench.stateDir };
    for (const host of ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"]) {
      const executor = createDockerExecutor({ ...place, connection: { host } });
      const start = executor.start(bench.spec({ script: ["true"] }), never());
      expect(await start.catch((error) => error)).toMatchObject({
        code: "DOCKER_UNREACHABLE",
        hint: expect.stringContaining("DOCKER_HOST"),
      });
    }
    const executor = createDockerExecutor({ ...place, connection: { host: "nonsense" } });
    expect(await executor.workspaceMode().catch((error) => error)).toMatchObject({
      code: "SETTINGS_INVALID",
    });
  });

  test.concurrent("that is out of reach for a while costs a running job neither its end nor a byte", async () => {
    await using relay = await startEngineRelay(connection.host.slice("unix://".length));
    const place = { instance: bench.instance, stateDir: bench.stateDir, connection: { host: relay.host } };
    await using executor = createDockerExecutor({ ...place, workspaceMode: "copy" });
    const script = ["i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 8"];
    await using execution = await executor.start(bench.spec({ script }), never());
    const chunks: Uint8Array[] = [];
    for await (const bytes of execution.logs) {
      chunks.push(bytes);
      if (chunks.length !== 10) continue;
      relay.stop();
      setTimeout(relay.start, 1_000);
    }
    const log = Buffer.concat(chunks).toString();
    const lines = Array.from({ length: 60 }, (_, line) => `line ${line}\n`).join("");
    expect(log.slice(log.indexOf("\n") + 1)).toBe(lines);
    expect(await execution.result).toMatchObject({ exitCode: 8 });
  });

  test.concurrent("that is away when a job is to be canceled is told so when it is back", async () => {
    await using relay = await startEngineRelay(connection.host.slice("unix://".length));
    const place = { instance: bench.instance, stateDir: bench.stateDir, connection: { host: relay.host } };
    await using executor = createDockerExecutor({ ...place, workspaceMode: "copy" });
    const stop = new AbortController();
    await using execution = await executor.start(bench.spec({ script: ["echo up; sleep 30"] }), stop.signal);
    await readUntil(execution, "up");
    const canceledAt = performance.now();
    relay.stop();
    stop.abort("kill");
    setTimeout(relay.start, 1_000);
    expect(await execution.result).toMatchObject({ status: "canceled" });
    expect(performance.now() - canceledAt).toBeLessThan(15_000);
  });

  test.concurrent("whose container name is somebody else's is told apart, and that container left alone", async () => {
    const spec = bench.spec({ script: ["true"] });
    await $`docker create --name ${spec.name} ${bench.image!.name} true`.quiet();
    try {
      const start = bench.executor.start(spec, never());
      expect(await start.catch((error) => error)).toMatchObject({ code: "DOCKER_FAILED" });
      expect((await $`docker inspect ${spec.name}`.quiet().nothrow()).exitCode).toBe(0);
    } finally {
      await $`docker rm ${spec.name}`.quiet();
    }
  });
});

describe("a request to the engine", () => {
  test.concurrent("carries scripts and variables in its body alone, however long they are", async () => {
    await using proxy = await startRecordingProxy(connection.host.slice("unix://".length));
    const place = { instance: bench.instance, stateDir: bench.stateDir, connection: { host: proxy.host } };
    await using executor = createDockerExecutor({ ...place, workspaceMode: "overlay" });
    const text = `${"%&?#'\"\\\\$x\\t{ü→🎉}; ".repeat(30_000)}`;
    const value = "ä%&\n'\"$".repeat(10_000);
    const environment = Object.fromEntries(["A", "B", "C", "D"].map((name) => [`S3CR3T_${name}`, value]));
    const script = [
      `sha256sum <<'EOF'\n${text}\nEOF`,
      'printf %s "$S3CR3T_A$S3CR3T_B$S3CR3T_C$S3CR3T_D" | sha256sum',
    ];
    expect(Buffer.byteLength(text)).toBeGreaterThan(700_000);
    await using execution = await executor.start(bench.spec({ script }, { environment }), never());
    const log = await readLog(execution);
    expect(log).toContain(createHash("sha256").update(`${text}\n`).digest("hex"));
    expect(log).toContain(createHash("sha256").update(value.repeat(4)).digest("hex"));
    const lines = proxy.requestLines();
    expect(lines.some((line) => line.startsWith("POST /containers/create"))).toBe(true);
    expect(lines.filter((line) => line.includes("S3CR3T") || line.length > 400)).toEqual([]);
  });
});

describe("nothing is left", () => {
  const own = new Bench((place) => createDockerExecutor({ ...place, connection, workspaceMode: "overlay" }));
  beforeAll(async () => own.open(await image("busybox")));
  afterAll(() => own.close());

  test("after aborts at random moments of any kind", async () => {
    const attempts = Array.from({ length: 24 }, async (_, index) => {
      const stop = new AbortController();
      const spec = own.spec({ script: ["sleep 60"], afterScript: ["true"] }, { graceMs: 100 });
      setTimeout(() => stop.abort(index % 2 === 0 ? "cancel" : "kill"), Math.random() * 4_000);
      await using execution = await own.executor.start(spec, stop.signal);
      await readLog(execution);
      expect(await execution.result).toMatchObject({ status: "canceled" });
    });
    await Promise.all(attempts);
    expect(await labelledObjects(own.instance)).toEqual([]);
  });

  test("after a sweep, of what crashed owners made, half-made things included; other objects stay", async () => {
    const label = [
      "--label",
      `cicd.instance=${own.instance}`,
      "--label",
      "cicd.run=r",
      "--label",
      "cicd.job=j",
    ];
    const volume = `${own.instance}-half`;
    const foreign = `${own.instance}-foreign`;
    await $`docker volume create ${label} --label cicd.attempt=1 ${volume}`.quiet();
    await $`docker network create ${label} --label cicd.attempt=1 ${volume}`.quiet();
    await $`docker create ${label} --label cicd.attempt=1 --name ${volume} ${own.image!.name} true`.quiet();
    await $`docker volume create ${foreign} && docker create --name ${foreign} ${own.image!.name} true`.quiet();
    const detach = new AbortController();
    await own.executor.start(own.spec({ script: ["sleep 60"] }), detach.signal);
    detach.abort("detach");
    const swept = await (await own.reopen()).sweep(async () => false);
    expect(swept).toEqual({ containers: 2, volumes: 4, networks: 1, directories: 0 });
    expect(await labelledObjects(own.instance)).toEqual([]);
    expect(
      (await $`docker volume inspect ${foreign} && docker inspect ${foreign}`.quiet().nothrow()).exitCode,
    ).toBe(0);
    await $`docker rm ${foreign} && docker volume rm ${foreign}`.quiet();
  });
});
