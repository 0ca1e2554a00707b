import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { createToken, revokeToken } from "../../src/app/tokens.ts";
import { checkHost, hostRules } from "../../src/server/guards.ts";
import { eventually } from "../support/eventually.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { ServerFixture } from "./fixture.ts";

const MIB = 1024 * 1024;

let fixture: ServerFixture;
beforeAll(async () => {
  fixture = await ServerFixture.open({
    setting: { CICD_PUBLIC_URL: "https://cicd.example.org", CICD_ALLOWED_HOSTS: "ci.local other:99" },
    limits: { body: { wholeMs: 400, stallMs: 400 } },
  });
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe("a token", () => {
  test.each([
    ["none", {}],
    ["of another scheme", { authorization: "Basic YTpi" }],
    ["that is wrong", { authorization: `Bearer cicd_${"x".repeat(43)}` }],
    ["of another form", { authorization: "Bearer ' OR 1=1" }],
    ["that is empty", { authorization: "Bearer " }],
  ])("%s is refused", async (_, headers) => {
    const refused = await fixture.refusal("/api/v1/runs", { token: null, headers });
    expect([refused.status, refused.code]).toEqual([401, "UNAUTHORIZED"]);
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("does what its role may, and no more", async () => {
    const statuses = async (role: "read" | "run" | "admin") => {
      const token = fixture.token(role);
      const run = await fixture.record(planOf([plannedJob("a")]));
      const answers = [
        await fixture.fetch("/api/v1/runs", { token }),
        await fixture.fetch(`/api/v1/runs/${run}/stop`, { token, body: {} }),
        await fixture.fetch("/api/v1/tokens", { token }),
      ];
      return answers.map(({ status }) => status);
    };
    expect(await statuses("read")).toEqual([200, 403, 403]);
    expect(await statuses("run")).toEqual([200, 200, 403]);
    expect(await statuses("admin")).toEqual([200, 200, 200]);
  });

  test("that has expired or was revoked is refused from then on", async () => {
    const brief = await createToken(fixture.app, { name: "brief", role: "read", expiresInMs: 1 });
    await eventually(
      async () => (await fixture.fetch("/api/v1/runs", { token: brief.token })).status === 401,
    );
    const made = await createToken(fixture.app, { name: "gone", role: "read", expiresInMs: null });
    expect((await fixture.fetch("/api/v1/runs", { token: made.token })).status).toBe(200);
    await revokeToken(fixture.app, "gone");
    expect((await fixture.fetch("/api/v1/runs", { token: made.token })).status).toBe(401);
  });

  test("is made, listed without its secret, and revoked over the API", async () => {
    const made = await fixture.ask("createToken", {
      body: { name: "web", role: "run", expiresInMs: 60_000 },
    });
    expect(made.token).toMatch(/^cicd_[A-Za-z0-9_-]{43}$/);
    const { tokens } = await fixture.ask("listTokens");
    const listed = tokens.find(({ name }) => name === "web");
    expect(listed).toMatchObject({ id: made.id, role: "run", revokedAt: null });
    expect(JSON.stringify(tokens)).not.toContain(made.token);
    const twice = await fixture.refusal("/api/v1/tokens", { body: { name: "web", role: "read" } });
    expect([twice.status, twice.code]).toEqual([400, "USAGE"]);
    await fixture.ask("revokeToken", { params: { token: "web" } });
    expect((await fixture.fetch("/api/v1/runs", { token: made.token })).status).toBe(401);
    const again = await fixture.refusal("/api/v1/tokens/web", { method: "DELETE" });
    expect([again.status, again.code]).toEqual([404, "NOT_FOUND"]);
  });

  test("stands in no log line, nor does what was asked for", async () => {
    await fixture.fetch("/api/v1/runs", { query: "repo=secret-repository" });
    await fixture.fetch("/api/v1/check", { body: { secret: "secret-body" } });
    const text = JSON.stringify(fixture.logged);
    for (const role of ["read", "run", "admin"] as const) expect(text).not.toContain(fixture.token(role));
    expect(text).not.toContain("secret-");
    const line = fixture.logged.findLast(({ fields }) => fields.route === "/api/v1/runs");
    expect(line).toMatchObject({
      level: "info",
      event: "request",
      fields: { method: "GET", route: "/api/v1/runs", status: 200, token: "admin" },
    });
  });
});

describe("the name a request asks for", () => {
  test("must be one of the server's: a rebound name is refused, and the setting named", async () => {
    const { port } = new URL(fixture.url);
    for (const host of [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      "cicd.example.org",
      "ci.local:1",
      "other:99",
    ]) {
      expect([host, (await fixture.fetch("/healthz", { headers: { host } })).status]).toEqual([host, 200]);
    }
    for (const host of [
      "evil.example",
      "localhost",
      `evil.example:${port}`,
      "other:98",
      "cicd.example.org:1",
      "x",
    ]) {
      const refused = await fixture.refusal("/healthz", { headers: { host } });
      expect([host, refused.status, refused.code]).toEqual([host, 403, "FORBIDDEN"]);
      expect(refused.hint).toContain("allowed_hosts");
    }
  });

  test("may be an IPv6 address that the server listens at", () => {
    const rules = hostRules({ own: ["fe80::1"], port: 80, named: [], publicUrl: undefined });
    const ask = (host: string) => () => checkHost(new Request("http://x/", { headers: { host } }), rules);
    for (const host of ["[fe80::1]", "[FE80::1]:80", "[::1]:80"]) expect(ask(host)).not.toThrow();
    for (const host of ["[fe80::2]", "fe80::1", "[::1]:81"]) expect(ask(host)).toThrow();
  });
});

describe("a page of another site", () => {
  test("can neither write nor read streams, with the token of a person even", async () => {
    const run = await fixture.record(planOf([plannedJob("a")]));
    const own = `http://127.0.0.1:${new URL(fixture.url).port}`;
    const stop = (origin: string) =>
      fixture.fetch(`/api/v1/runs/${run}/stop`, { body: {}, headers: { origin } });
    const stream = async (origin: string) => {
      const response = await fixture.fetch(`/api/v1/runs/${run}/events`, { headers: { origin } });
      await response.body?.cancel();
      return response;
    };
    for (const origin of ["https://evil.example", "null", `${own}0`, "http://127.0.0.1"]) {
      expect([origin, (await stop(origin)).status, (await stream(origin)).status]).toEqual([
        origin,
        403,
        403,
      ]);
    }
    for (const origin of [own, "https://cicd.example.org"]) {
      expect([origin, (await stop(origin)).status, (await stream(origin)).status]).toEqual([
        origin,
        200,
        200,
      ]);
    }
    const { headers } = await stream(own);
    expect(headers.get("access-control-allow-origin")).toBeNull();
  });

  test("finds no answer that could be taken for a page", async () => {
    for (const path of ["/healthz", "/nowhere", "/api/v1/runs"]) {
      const { headers } = await fixture.fetch(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });
});

describe("a request", () => {
  test.each([
    ["to no route", "/api/v1/nothing", {}, 404, "NOT_FOUND"],
    ["with another method", "/api/v1/runs", { method: "DELETE" }, 405, "USAGE"],
    [
      "without a content type",
      "/api/v1/check",
      { body: "{}", headers: { "content-type": "" } },
      415,
      "USAGE",
    ],
    ["of a form", "/api/v1/check", { body: "a=b", headers: { "content-type": "text/plain" } }, 415, "USAGE"],
    [
      "that is compressed",
      "/api/v1/check",
      { body: "{}", headers: { "content-encoding": "gzip" } },
      415,
      "USAGE",
    ],
    ["with broken JSON", "/api/v1/check", { body: "{" }, 400, "USAGE"],
    ["with broken UTF-8", "/api/v1/check", { body: new Uint8Array([34, 255, 34]) }, 400, "USAGE"],
    ["with a broken percent sign", "/api/v1/runs?repo=%ff", {}, 400, "USAGE"],
    ["with one in the path", "/api/v1/runs/%ff", {}, 400, "USAGE"],
    ["with an unknown parameter", "/api/v1/runs?rpeo=x", {}, 400, "USAGE"],
    ["with a parameter twice", "/api/v1/runs?repo=x&repo=y", {}, 400, "USAGE"],
    ["with a key too many", "/api/v1/runs/a/stop", { body: { now: true } }, 400, "USAGE"],
    ["with two dots for a name", "/api/v1/runs", { query: "pipeline=.." }, 400, "USAGE"],
    [
      "for a path of the server's own",
      "/api/v1/repositories",
      { body: { url: "/nonexistent" } },
      422,
      "GIT_URL_REFUSED",
    ],
    ["with a path for an id", "/api/v1/runs/..%2F..%2Fetc", {}, 400, "USAGE"],
  ] as const)("%s is a problem", async (_, path, asked, status, code) => {
    const refused = await fixture.refusal(path, asked);
    expect([refused.status, refused.code]).toEqual([status, code]);
    expect(refused.headers.get("allow")).toBe(status === 405 ? "GET, POST" : null);
  });

  test("that announces too much is refused before it is read", async () => {
    const { hostname, port } = new URL(fixture.url);
    const head = [
      "POST /api/v1/runs HTTP/1.1",
      `Host: ${hostname}:${port}`,
      `Authorization: Bearer ${fixture.token("run")}`,
      "Content-Type: application/json",
      `Content-Length: ${100 * MIB}`,
    ];
    expect(await sendSlowly([`${head.join("\r\n")}\r\n\r\n`])).toMatch(/^HTTP\/1.1 413 /);
  });

  test("that turns out too large without announcing it is refused", async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 40) controller.close();
        else controller.enqueue(new Uint8Array(MIB).fill(32));
      },
    });
    const response = await fetch(`${fixture.url}/api/v1/runs/a/stop`, {
      method: "POST",
      headers: { authorization: `Bearer ${fixture.token("run")}`, "content-type": "application/json" },
      body,
    });
    expect(response.status).toBe(413);
  });

  test("whose body dribbles in is given up", async () => {
    const { hostname, port } = new URL(fixture.url);
    const head = [
      "POST /api/v1/runs HTTP/1.1",
      `Host: ${hostname}:${port}`,
      `Authorization: Bearer ${fixture.token("run")}`,
      "Content-Type: application/json",
      "Content-Length: 1000",
    ];
    const answer = await sendSlowly([`${head.join("\r\n")}\r\n\r\n`, ..."{          "]);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test("whose client leaves is no error of the server's", async () => {
    const run = await fixture.record(planOf([plannedJob("a")]));
    await fixture.begin(run);
    const left = new AbortController();
    const waiting = fetch(`${fixture.url}/api/v1/runs/${run}/cancel`, {
      method: "POST",
      headers: { authorization: `Bearer ${fixture.token("run")}`, "content-type": "application/json" },
      body: JSON.stringify({ waitMs: 60_000 }),
      signal: left.signal,
    }).catch(() => undefined);
    await eventually(async () => (await fixture.ask("readRun", { params: { run } })).status === "canceling");
    left.abort();
    await waiting;
    const route = "/api/v1/runs/{run}/cancel";
    await eventually(() => fixture.logged.some(({ fields }) => fields.route === route));
    expect(fixture.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("for HEAD is answered as for GET, without a body", async () => {
    const response = await fixture.fetch("/healthz", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(response.headers.get("content-length")).not.toBe("0");
  });
});

/** Sends piece after piece, one every 100 ms, and returns what comes back until the other side has answered. */
function sendSlowly(pieces: string[]): Promise<string> {
  const { hostname, port } = new URL(fixture.url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const rest = [...pieces];
    const timer = setInterval(() => socket.write(rest.shift() ?? ""), 100);
    socket.on("data", (bytes) => {
      clearInterval(timer);
      resolve(bytes.toString());
      socket.destroy();
    });
    socket.on("error", () => {});
  });
}
