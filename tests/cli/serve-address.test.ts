import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { hostname } from "node:os";
import { serverAddress } from "../../src/app/server-address.ts";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open({ note: "" }, { CICD_EXECUTOR: "shell" });
}, 60_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

describe("a server that listens at every address", () => {
  test("names itself by its host, and answers to that name", async () => {
    const child = sandbox.start("serve", "--no-worker", "--json", "--listen", ":0");
    let log = "";
    void (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) log += text;
    })();
    await eventually(() => log.includes("token.first"), { withinMs: 20_000 });
    const entries = log.trim().split("\n");
    const { url } = JSON.parse(entries.find((line) => line.includes("server.started"))!);
    expect(url).toMatch(new RegExp(`^http://${RegExp.escape(hostname())}:\\d+$`));
    expect(entries.find((line) => line.includes("server.reachable"))).toContain(`as ${hostname()} or by`);
    const { host, port } = new URL(url);
    for (const [name, status] of Object.entries({ [host]: 200, [`evil.example:${port}`]: 403 })) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { host: name } });
      expect([name, answer.status]).toEqual([name, status]);
    }
    child.kill("SIGTERM");
    await child.exited;
  });

  test.each([
    ["0.0.0.0", undefined, "http://box:80"],
    ["::", undefined, "http://box:80"],
    ["::1", undefined, "http://[::1]:80"],
    ["0.0.0.0", "https://ci.example.org", "https://ci.example.org"],
  ])("at %s with the public address %p is %s", (host, publicUrl, expected) => {
    expect(serverAddress({ listen: { host, port: 80 }, hostName: "box", publicUrl })).toBe(expected);
  });
});

test("a server cannot listen at a name that stands for no address", async () => {
  const { status, stderr } = await sandbox.cicd("serve", "--no-worker", "--listen", "no-such-host.invalid:0");
  expect([status, stderr]).toEqual([3, expect.stringContaining("there is no host of that name")]);
  expect(stderr).not.toContain("in use");
});
