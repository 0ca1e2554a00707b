import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { callEngine, type Engine, openEngine } from "../../src/executor/docker/connection.ts";
import { dockerMessage, statusOf } from "../../src/executor/docker/engine-error.ts";
import { dockerHost } from "../support/docker.ts";
import { testImage } from "../support/images.ts";

setDefaultTimeout(60_000);

let engine: Engine;
const directory = mkdtempSync(join(tmpdir(), "cicd-calls-"));
const container = `cicd-test-calls-${crypto.randomUUID()}`;

beforeAll(async () => {
  engine = await openEngine({ host: dockerHost() });
  await $`docker create --name ${container} --label odd=${'a&b="ü+ c'} ${await testImage("busybox")} sleep 60`.quiet();
});
afterAll(async () => {
  await $`docker rm -f ${container}`.quiet();
  rmSync(directory, { recursive: true });
});

describe("a call of the engine", () => {
  test("says what the engine says when it refuses", async () => {
    const error = await engine.docker
      .getContainer("cicd-no-such-container")
      .inspect()
      .catch((reason) => reason);
    expect(statusOf(error)).toBe(404);
    expect(dockerMessage(error)).toBe("No such container: cicd-no-such-container");
  });

  test("names the socket where nobody listens", async () => {
    const socket = join(directory, "nobody.sock");
    const { docker } = await openEngine({ host: `unix://${socket}` });
    const error = await docker.ping().catch((reason) => reason);
    expect(error).toMatchObject({ code: "ENOENT", message: `connect ENOENT ${socket}` });
  });

  test("sends filters whole, whatever is in them", async () => {
    const found = await engine.docker.listContainers({
      all: true,
      filters: { name: [container], label: ['odd=a&b="ü+ c'] },
    });
    expect(found.map(({ Names }) => Names)).toEqual([[`/${container}`]]);
    const none = await engine.docker.listContainers({
      all: true,
      filters: { name: [container], label: ["odd=a"] },
    });
    expect(none).toEqual([]);
  });

  test("waits until it is aborted, and the container stays", async () => {
    const made = engine.docker.getContainer(container);
    await made.start();
    const stop = new AbortController();
    const waiting = made.wait({ abortSignal: stop.signal }).catch(() => "aborted");
    expect((await made.inspect()).State.Running).toBe(true);
    stop.abort();
    expect(await waiting).toBe("aborted");
    expect((await made.inspect()).State.Running).toBe(true);
  });

  test("gives up when its answer ends in the middle", async () => {
    const socket = join(directory, "half.sock");
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"Id":';
    using _server = Bun.listen({ unix: socket, socket: { data: (peer) => void peer.end(head) } });
    const half = await openEngine({ host: `unix://${socket}` });
    const call = { path: "/half", method: "GET", statusCodes: { 200: true } } as const;
    const outcome = await callEngine(half, call).then(
      () => "answered",
      (reason) => statusOf(reason) ?? "no answer",
    );
    expect(outcome).toBe("no answer");
  });
});
