import { expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";
import { answering, TOKEN } from "./fixture.ts";

test("whether a server may clone an address over http is for that server to say", async () => {
  const refusal = {
    type: "t",
    title: "t",
    status: 422,
    code: "GIT_URL_REFUSED",
    detail: "the server says no",
    hint: null,
  };
  const headers = { "content-type": "application/problem+json" };
  using server = answering(() => new Response(JSON.stringify(refusal), { status: 422, headers }));
  await using sandbox = await Sandbox.open({ note: "" }, { CICD_SERVER: server.url, CICD_TOKEN: TOKEN });
  const repo = "http://git.example.org/shop/web.git";
  const { status, stderr } = await sandbox.cicd("run", "-r", repo);
  expect([status, stderr]).toEqual([2, expect.stringContaining("the server says no [GIT_URL_REFUSED]")]);
  expect(server.requests.map(({ method }) => method)).toEqual(["POST"]);
  const tagged = await sandbox.cicd("run", "-r", repo, "-c", "v1.0");
  expect([tagged.status, tagged.stderr]).toEqual([
    2,
    expect.stringContaining('--commit "v1.0" is no commit'),
  ]);
  const here = await sandbox.cicd("run", "-r", repo, "--local");
  expect([here.status, here.stderr]).toEqual([2, expect.stringContaining("protocol http is not allowed")]);
}, 60_000);
