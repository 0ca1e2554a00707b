import { expect, test } from "bun:test";
import { connect } from "node:net";
import { eventually } from "../support/eventually.ts";
import { ServerFixture } from "./fixture.ts";

test("a client that leaves in the midst of an upload is no bug", async () => {
  await using fixture = await ServerFixture.open();
  const { hostname, port, host } = new URL(fixture.url);
  const socket = connect({ host: hostname, port: Number(port) });
  const authorization = `Authorization: Bearer ${fixture.token("run")}`;
  const type = "Content-Type: application/x-git-packed-objects";
  const head = [
    "POST /api/v1/packs HTTP/1.1",
    `Host: ${host}`,
    authorization,
    type,
    "Content-Length: 100000",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\nPACK\0\0\0\u0002\0\0\0\u0001`);
  await Bun.sleep(300);
  socket.destroy();
  await eventually(() => fixture.logged.some(({ fields }) => fields.route === "/api/v1/packs"));
  const line = fixture.logged.find(({ fields }) => fields.route === "/api/v1/packs");
  expect([line?.level, line?.fields.code]).not.toContain("INTERNAL");
  expect(line?.level).toBe("info");
});
