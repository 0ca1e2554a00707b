import { expect, test } from "bun:test";
import { connect } from "node:net";
import { eventually } from "../support/eventually.ts";
import { ServerFixture } from "./fixture.ts";

const MIB = 1024 * 1024;

test("what is sent to a webhook that there is not is not held; what is sent elsewhere, no more than there is room for", async () => {
  await using fixture = await ServerFixture.open({ limits: { webhookBytes: 0, bodyBytes: MIB } });
  const unknown = await fixture.refusal("/api/v1/webhooks/nosuchrepo", {
    body: "x".repeat(MIB),
    token: null,
  });
  expect([unknown.status, unknown.code]).toEqual([401, "UNAUTHORIZED"]);
  await (await fixture.app.registry()).addRepository({
    id: "known",
    key: "https://example.org/a",
    name: "a",
    url: "https://example.org/a",
    defaultBranch: "main",
    webhookSecret: "s".repeat(32),
  });
  const known = await fixture.refusal("/api/v1/webhooks/known", { body: "x".repeat(MIB), token: null });
  expect([known.status, known.code]).toEqual([503, "SERVER_BUSY"]);
  expect(known.headers.get("retry-after")).not.toBeNull();

  const body = { files: [{ file: "a.yml", text: "#".repeat(MIB / 2) }] };
  const { hostname, port, host } = new URL(fixture.url);
  const socket = connect({ host: hostname, port: Number(port) });
  const authorization = `Authorization: Bearer ${fixture.token("read")}`;
  const head = [
    "POST /api/v1/check HTTP/1.1",
    `Host: ${host}`,
    authorization,
    "Content-Type: application/json",
  ];
  socket.write(`${[...head, `Content-Length: ${MIB}`].join("\r\n")}\r\n\r\n${" ".repeat((MIB * 3) / 4)}`);
  const check = async () => {
    const response = await fixture.fetch("/api/v1/check", { body });
    await response.text();
    return response.status;
  };
  await eventually(async () => (await check()) === 503);
  socket.destroy();
  await eventually(async () => (await check()) === 200);
});
