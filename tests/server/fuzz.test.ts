import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Route } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { newSchema } from "../support/postgres.ts";
import { Random } from "../support/random.ts";
import { type Asked, pathOf, ServerFixture } from "./fixture.ts";

const SEED = Number(process.env.CICD_TEST_SEED ?? 20_261_123);
const BUDGET_MS = 5_000;
/** However long they take. */
const MIN_REQUESTS = 200;
let random = new Random(SEED);

let fixture: ServerFixture;
let run: string;

async function begin(setting: Record<string, string>): Promise<void> {
  random = new Random(SEED);
  fixture = await ServerFixture.open({ setting });
  run = await fixture.record(planOf([plannedJob("build")]));
  const lease = await fixture.begin(run);
  await fixture.say(lease, 0, new TextEncoder().encode("hello\n"));
  await fixture.end(lease, { logBytes: 6 });
}

const ADDRESSES = [
  "file:///etc",
  "ext::sh -c touch% /tmp/x",
  "https://%ff@127.0.0.1/x",
  "https://a:%ff@127.0.0.1/x",
  "https://127.0.0.1/%ff",
  "https://127.0.0.1:1/x.git",
  "https://127.0.0.1:99999/x.git",
  "-oProxyCommand=x",
  "git@-x:y",
  "git@[::1:y",
  "ssh://-x/y",
  "ssh://%ff@127.0.0.1/y",
  "http://[::1",
  "https://",
];

const STRINGS = [
  "",
  " ",
  "0",
  "-1",
  "1e999",
  "99999999999999999999",
  "NaN",
  "true",
  "null",
  "../../etc/passwd",
  "..",
  "/",
  "%",
  "%00",
  "%ff",
  "\0",
  "\u202e\u0085\u2028",
  "é".normalize("NFD"),
  "👩‍👩‍👧",
  "\ud800",
  "' OR '1'='1",
  "; DROP TABLE runs; --",
  "__proto__",
  "constructor",
  "toString",
  "a".repeat(5_000),
  ...ADDRESSES,
  "<script>",
  "*/5 * * * *",
  "0123456789abcdef0123456789abcdef01234567",
];

const anyString = () => random.pick(STRINGS);

function anyValue(depth = 0): unknown {
  const kind = random.below(depth > 3 ? 6 : 9);
  switch (kind) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick([0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, -0, 7]);
    case 3:
    case 4:
    case 5:
      return anyString();
    case 6:
      return Array.from({ length: random.below(4) }, () => anyValue(depth + 1));
    case 7:
      return JSON.parse(
        `{"__proto__":${JSON.stringify(anyValue(depth + 1) ?? null)},"constructor":{"prototype":{}}}`,
      );
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [anyString(), anyValue(depth + 1)]),
      );
  }
}

/** Valid bodies, of which parts are then broken. */
const VALID: Record<string, unknown> = {
  check: { files: [{ file: "a.yml", text: "name: a\njobs: {b: {stage: test, image: c, script: d}}" }] },
  dryRun: { files: [{ file: "a.yml", text: "name: a\njobs: {b: {stage: test, image: c, script: d}}" }] },
  missingObjects: { objects: ["0123456789abcdef0123456789abcdef01234567"] },
  startRuns: {
    requestId: "request-1",
    source: {
      kind: "tree",
      described: {
        repo: { key: "https://host/x", name: "x" },
        branch: "main",
        tag: null,
        commit: null,
        commitMessage: null,
        tree: "0123456789abcdef0123456789abcdef01234567",
        dirty: { modified: 1, untracked: 0 },
      },
    },
    overrides: ["default.image=x"],
    variables: { A: "b" },
    jobs: ["build"],
  },
  cancelRun: { waitMs: 0 },
  stopRun: {},
  retryRun: { jobs: ["build"] },
  createToken: { name: "t", role: "read", expiresInMs: 1000 },
};

const startOfUrl = () => ({
  requestId: "request-2",
  source: { kind: "url", repo: random.pick(ADDRESSES), branch: "main" },
});

/** One part of a value, somewhere, is replaced, dropped or doubled. */
function broken(value: unknown): unknown {
  if (random.chance(0.25) || value === null || typeof value !== "object") return anyValue();
  if (Array.isArray(value)) {
    return random.chance(0.3)
      ? [...value, anyValue()]
      : value.map((item) => (random.chance(0.6) ? broken(item) : item));
  }
  const entries = Object.entries(value);
  if (random.chance(0.2)) return Object.fromEntries([...entries, [anyString(), anyValue()]]);
  const at = random.below(Math.max(1, entries.length));
  return Object.fromEntries(
    entries.flatMap(([key, item], index) =>
      index !== at ? [[key, item]] : random.chance(0.2) ? [] : [[key, broken(item)]],
    ),
  );
}

const BODIES: (() => string | Uint8Array)[] = [
  () => "",
  () => "{",
  () => "null",
  () => "[".repeat(100_000),
  () => `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
  () => `{"a":${"1".repeat(10_000)}}`,
  () => '"\\ud800"',
  () => "\ufeff{}",
  () => new Uint8Array([0xff, 0xfe, 0x00]),
  () => Uint8Array.from({ length: 1_000 }, () => random.below(256)),
  () => `{"files":"${"x".repeat(2_000_000)}"}`,
  () => `{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join(",")}}`,
];

const HEADERS: Record<string, string[]> = {
  "content-type": [
    "",
    "text/plain",
    "application/json; charset=latin1",
    "application/json;;",
    "multipart/form-data",
  ],
  "content-encoding": ["gzip", "identity", "br"],
  range: ["bytes=0-", "bytes=-", "bytes=5-1", "bytes=99999999999999999-", "bytes=0-0,1-1", "x", "bytes=-0"],
  "last-event-id": ["1", "x", "1;0.1.0", "1.0", "-1", "999999999999999999999", "1;".repeat(3_000)],
  accept: ["text/event-stream", "*/*", "x", ","],
  "if-none-match": ["*", '"x"', "W/"],
  "x-hub-signature-256": ["sha256=00", "x"],
  "x-github-event": ["push", ""],
  "x-gitlab-token": ["x"],
};

function request(name: string, route: Route): { path: string; asked: Asked } {
  const isGoodRun = random.chance(0.6);
  const params = {
    run: isGoodRun ? run : anyString().toWellFormed(),
    job: random.chance(0.6) ? "build" : anyString().toWellFormed(),
    token: anyString().toWellFormed(),
    repository: anyString().toWellFormed(),
  };
  // A segment of dots would be another path.
  const path = random.chance(0.9)
    ? pathOf(route, params)
    : route.path.replace(/\{\w+\}/g, () =>
        random.pick(["%ff", "%2e%2e", "%00", "a%2Fb", "%", "x".repeat(9_000)]),
      );
  const names = [
    "repo",
    "pipeline",
    "branch",
    "limit",
    "status",
    "cursor",
    "logs",
    "path",
    "attempt",
    "__proto__",
    "sort",
    "number",
  ];
  const query = Array.from({ length: random.chance(0.5) ? 0 : 1 + random.below(3) }, () => {
    const value = random.chance(0.2) ? "%ff" : encodeURIComponent(anyString().toWellFormed());
    return `${random.pick(names)}=${value}`;
  });
  if (random.chance(0.5) && route.query !== undefined) {
    query.push(`repo=${encodeURIComponent(random.pick(["x", ...ADDRESSES]))}`);
  }
  const { body: spec } = route;
  const headers: Record<string, string> = spec?.kind === "stream" ? { "content-type": spec.mediaType } : {};
  for (const [header, values] of Object.entries(HEADERS)) {
    if (random.chance(header === "content-type" ? 0.1 : 0.15)) headers[header] = random.pick(values);
  }
  const hasBody = route.method === "POST";
  const valid =
    name === "startRuns" && random.chance(0.5)
      ? startOfUrl()
      : name === "addRepository"
        ? { url: random.pick(ADDRESSES) }
        : (VALID[name] ?? {});
  const body = !hasBody
    ? undefined
    : random.chance(0.3)
      ? random.pick(BODIES)()
      : random.chance(0.3)
        ? valid
        : broken(valid);
  return {
    path,
    asked: {
      method: random.chance(0.05) ? random.pick(["PUT", "PATCH", "DELETE", "POST", "OPTIONS"]) : route.method,
      ...(query.length === 0 ? {} : { query: query.join("&") }),
      headers,
      ...(hasBody ? { body: body === undefined ? "" : body } : {}),
    },
  };
}

describe.each(["sqlite", "postgres"])("with %s, whatever a client sends", (database) => {
  let drop = async () => {};
  beforeAll(async () => {
    if (database === "sqlite") return begin({});
    const schema = await newSchema();
    drop = schema.drop;
    await begin({ CICD_DATABASE_URL: schema.url });
  }, 30_000);
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await drop();
  });

  test(
    `is no error of the server's (seed ${SEED})`,
    async () => {
      const statuses = new Map<string, Set<number>>();
      const failures: string[] = [];
      const end = performance.now() + BUDGET_MS;
      let count = 0;
      const isEnough = () => count > MIN_REQUESTS && (performance.now() > end || count > 3_000);
      while (!isEnough() && failures.length === 0) {
        for (const [name, route] of Object.entries<Route>(ROUTES)) {
          // The one that says how the server is may say that it is not well.
          if (name === "readiness") continue;
          const { path, asked } = request(name, route);
          const response = await fixture.fetch(path, asked).catch((error: unknown) => {
            failures.push(`${name}: ${error} for ${JSON.stringify({ path, asked }).slice(0, 2_000)}`);
          });
          if (response === undefined) continue;
          count += 1;
          statuses.set(name, (statuses.get(name) ?? new Set()).add(response.status));
          // 431 is the runtime's own, before there is a request.
          const isProblem =
            response.status === 431 || response.headers.get("content-type") === "application/problem+json";
          if (response.status >= 500 || (response.status >= 400 && !isProblem)) {
            const text = await response.text();
            failures.push(
              `${name}: ${response.status} ${text.slice(0, 500)} for ${JSON.stringify({ path, asked }).slice(0, 2_000)}`,
            );
          }
          if (!response.bodyUsed) await response.body?.cancel();
        }
      }
      const bugs = fixture.logged.filter(({ level }) => level === "error");
      expect([...failures, ...bugs.map(({ fields }) => fields.stack ?? fields.message)]).toEqual([]);
      // The fuzz must get past the checks as well.
      for (const name of ["check", "dryRun", "listRuns", "readRun", "readLog"]) {
        expect([...statuses.get(name)!]).toContain(200);
      }
      expect((await fixture.fetch("/healthz")).status).toBe(200);
    },
    BUDGET_MS + 60_000,
  );

  test("at the edges of what is allowed is no error of the server's either", async () => {
    const job = `/api/v1/runs/${run}/jobs/build/log`;
    const paths = [
      "/api/v1/runs?cursor=zzzzzzzzzzzz.a",
      "/api/v1/runs?cursor=0.0&sort=createdAt",
      "/api/v1/runs?number=2147483647&limit=1000",
      "/api/v1/report?repo=x&pipeline=y&number=2147483647",
      `${job}?attempt=1000000`,
    ];
    for (const path of paths) expect([path, (await fixture.fetch(path)).status < 500]).toEqual([path, true]);
    for (const [path, id] of [
      [`/api/v1/runs/${run}/events?logs=true`, "999999999999999;0.1.999999999999999"],
      [`/api/v1/runs/${run}/events?logs=true`, "0;0.999999999999999.0"],
      [`${job}?follow=true`, "1.999999999999999"],
    ] as const) {
      const response = await fixture.fetch(path, { headers: { "last-event-id": id } });
      expect([path, response.status]).toEqual([path, 200]);
      expect(await response.text()).toContain("event: end");
    }
  });

  test("without a token nothing but health answers", async () => {
    for (const [name, route] of Object.entries<Route>(ROUTES)) {
      if (route.role === "none") continue;
      const { status, code } = await fixture.refusal(pathOf(route, { run, job: "build" }), {
        method: route.method,
        token: null,
        ...(route.method === "POST" ? { body: {} } : {}),
      });
      expect([name, status, code]).toEqual([name, 401, "UNAUTHORIZED"]);
    }
    expect((await fixture.refusal("/nowhere", { token: null })).status).toBe(401);
    expect((await fixture.refusal("/api/v1/runs", { token: null, method: "PUT" })).status).toBe(401);
  });

  test("what is no HTTP at all ends the connection, not the server", async () => {
    for (const text of [
      "\0\0\0\0",
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
    ]) {
      await sendRaw(text);
      expect((await fixture.fetch("/healthz")).status).toBe(200);
    }
    const answer = await sendRaw(
      "POST /api/v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    expect(answer).not.toMatch(/^HTTP\/1.1 [25]/);
  });
});

/** What comes back until the other side closes, or nothing comes for a while. */
function sendRaw(text: string): Promise<string> {
  const { hostname, port } = new URL(fixture.url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(text));
    socket.setTimeout(300, () => socket.destroy());
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}
