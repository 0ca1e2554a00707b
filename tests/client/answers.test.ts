import { describe, expect, test } from "bun:test";
import { answering, connect, NEVER, refused, TOKEN } from "./fixture.ts";

const HTML = "<html><body>Bad gateway: the upstream is gone</body></html>";
const problem = (status: number, problem: object) =>
  new Response(JSON.stringify({ type: "t", title: "t", status, hint: null, ...problem }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
const list = (url: string) => refused(connect(url).service.list(undefined, { limit: 5 }, NEVER));

describe("what is no answer of a cicd server", () => {
  test.each([
    ["a page", () => new Response(HTML, { headers: { "content-type": "text/html" } })],
    [
      "a page with an error",
      () => new Response(HTML, { status: 502, headers: { "content-type": "text/html" } }),
    ],
    [
      "text that calls itself JSON",
      () => new Response(HTML, { headers: { "content-type": "application/json" } }),
    ],
    ["JSON of somebody else", () => Response.json({ runs: "many" })],
    ["nothing", () => new Response(null)],
    ["a problem of somebody else", () => problem(400, { code: "E_OTHER", detail: "no" })],
  ])("%s is SERVER_FAILED, and not repeated", async (_, answer) => {
    using server = answering(answer);
    const error = await list(server.url);
    expect([error.code, error.message]).toEqual(["SERVER_FAILED", expect.stringContaining(server.url)]);
    expect(`${error.message} ${error.hint}`).not.toMatch(/upstream|many|\n/);
    expect(error.hint).toContain("--server");
    expect(server.requests).toHaveLength(1);
  });

  test("a redirect is not followed: the token goes nowhere else", async () => {
    using other = answering(() => Response.json({ runs: [], nextCursor: null }));
    using server = answering(() => Response.redirect(`${other.url}/api/v1/runs?x=1`, 302));
    const error = await list(server.url);
    expect([error.code, error.message]).toEqual([
      "SERVER_FAILED",
      expect.stringContaining(`redirects to ${other.url}`),
    ]);
    expect(other.requests).toEqual([]);
  });
});

describe("a problem", () => {
  test("is the error with the same code, message and hint", async () => {
    using server = answering(() =>
      problem(404, { code: "NOT_FOUND", detail: "no run matches", hint: "see what there is" }),
    );
    expect(await list(server.url)).toMatchObject({
      code: "NOT_FOUND",
      message: "no run matches",
      hint: "see what there is",
    });
  });

  test("has no hint that is for programs", async () => {
    using server = answering(() =>
      problem(400, { code: "USAGE", detail: "no", hint: "see /api/openapi.json" }),
    );
    expect((await list(server.url)).hint).toMatch(/^cicd here and the server may be of different versions/);
  });

  test("about the token says where to put one", async () => {
    using server = answering(() => problem(401, { code: "UNAUTHORIZED", detail: "a token is needed" }));
    expect(await list(server.url)).toMatchObject({
      code: "UNAUTHORIZED",
      hint: expect.stringContaining("CICD_TOKEN"),
    });
  });

  test("with files is invalid pipeline files", async () => {
    const file = { file: "web.yml", text: "name: web", included: [], pipeline: null, diagnostics: [] };
    using server = answering(() => problem(422, { code: "CONFIG_INVALID", detail: "no", files: [file] }));
    const { service } = connect(server.url);
    const request = {
      repo: ".",
      file: "package.json",
      overrides: [],
      imageRequired: true,
      variables: {},
      jobs: [],
    };
    expect(await service.dryRun(request, NEVER)).toEqual({ kind: "invalid", files: [file] });
  });
});

describe("a server that is not there", () => {
  test("is SERVER_UNREACHABLE with its address and a reason, at once", async () => {
    using gone = answering(() => new Response());
    gone[Symbol.dispose]();
    const error = await list(gone.url);
    expect([error.code, error.message]).toEqual([
      "SERVER_UNREACHABLE",
      `the server at ${gone.url} does not answer: nothing listens there`,
    ]);
    expect(await list("http://no-such-host.invalid")).toMatchObject({
      code: "SERVER_UNREACHABLE",
      message: expect.stringContaining("there is no host of that name"),
    });
  });

  test("or says nothing is given up", async () => {
    using server = answering(() => new Promise<Response>(() => {}));
    const { service } = connect(server.url, { answerMs: 200 });
    expect(await refused(service.list(undefined, { limit: 1 }, NEVER))).toMatchObject({
      code: "SERVER_UNREACHABLE",
      message: expect.stringContaining("no answer within"),
    });
  });

  test("is left at once by who is interrupted", async () => {
    using server = answering(() => new Promise<Response>(() => {}));
    const interrupt = new AbortController();
    const asking = refused(connect(server.url).service.list(undefined, { limit: 1 }, interrupt.signal));
    interrupt.abort(new Error("interrupted"));
    expect(await asking).toMatchObject({ message: "interrupted" });
  });

  test("but was there a moment ago is asked again, and that is said once", async () => {
    let count = 0;
    using server = answering(() =>
      ++count > 1 && count < 5
        ? problem(503, { code: "STORE_UNREACHABLE", detail: "the database is away" })
        : Response.json({ runs: [], nextCursor: null }),
    );
    const { service, told } = connect(server.url);
    await service.list(undefined, { limit: 1 }, NEVER);
    expect(await service.list(undefined, { limit: 1 }, NEVER)).toEqual({ runs: [] });
    expect(told.lines).toEqual([`note: the server at ${server.url} is away; reconnecting ...`]);
  });
});

describe("the token", () => {
  test("goes out as a bearer, and into no error", async () => {
    using server = answering((request) =>
      problem(500, {
        code: "INTERNAL",
        detail: request.headers.has("authorization") ? "had one" : "had none",
      }),
    );
    const error = await list(server.url);
    expect(server.requests[0]!.headers.get("authorization")).toBe(`Bearer ${TOKEN}`);
    expect(Bun.inspect(error)).not.toContain(TOKEN);
    expect(error.message).toBe("had one");
  });

  test("is warned about once where it travels unencrypted to another host", async () => {
    using server = answering(() => Response.json({ runs: [], nextCursor: null }));
    const near = connect(server.url);
    await near.service.list(undefined, { limit: 1 }, NEVER);
    expect(near.told.lines).toEqual([]);
    const far = connect(`http://0.0.0.0:${server.port}`);
    for (let time = 0; time < 2; time++) await far.service.list(undefined, { limit: 1 }, NEVER);
    expect(far.told.lines).toEqual([
      `warn: the token travels unencrypted to http://0.0.0.0:${server.port}; use https`,
    ]);
  });
});
