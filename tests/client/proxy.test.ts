import { expect, test } from "bun:test";
import { proxyOf } from "../../src/config/proxy.ts";
import { Sandbox } from "../support/sandbox.ts";
import { answering, TOKEN } from "./fixture.ts";

const listing = () => Response.json({ runs: [], nextCursor: null });

test("a server of this host is asked without a proxy, another one through it, which is warned about and named", async () => {
  using proxy = answering(listing);
  using server = answering(listing);
  await using sandbox = await Sandbox.open(
    { note: "" },
    { CICD_SERVER: server.url, CICD_TOKEN: TOKEN, http_proxy: proxy.url },
  );
  expect((await sandbox.cicd("list")).stderr).toBe("no runs are recorded\n");
  expect([server.requests.length, proxy.requests.length]).toEqual([1, 0]);
  const { host } = new URL(proxy.url);
  const far = "http://cicd.example.org";
  sandbox.environment.CICD_SERVER = far;
  const { stderr } = await sandbox.cicd("list");
  expect(stderr).toContain(`unencrypted to ${far} (through the proxy ${host}); use https`);
  expect(proxy.requests).toHaveLength(1);
  proxy[Symbol.dispose]();
  const gone = await sandbox.cicd("list");
  expect([gone.status, gone.stderr]).toEqual([
    3,
    expect.stringContaining(`the server at ${far} (through the proxy ${host}) does not answer`),
  ]);
}, 60_000);

test.each([
  ["http://ci.example.org", { HTTP_PROXY: "http://ann:secret@proxy:3128" }, "proxy:3128"],
  ["https://ci.example.org", { http_proxy: "http://proxy:3128" }, undefined],
  ["https://ci.example.org", { https_proxy: "http://proxy:3128", no_proxy: ".example.org" }, undefined],
  ["http://ci.example.org", { http_proxy: "http://proxy:3128", NO_PROXY: "x, ci.example.org" }, undefined],
  ["http://ci.example.org", { http_proxy: "http://proxy:3128", NO_PROXY: "*" }, undefined],
  ["http://[::1]:80", { http_proxy: "http://proxy:3128" }, undefined],
])("the way to %s with %p is by %p", (url, variables, expected) => {
  expect(proxyOf(url, variables)).toBe(expected);
});
