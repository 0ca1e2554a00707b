import { describe, expect, test } from "bun:test";
import type { FollowItem } from "../../src/app/follow-run.ts";
import { job, run as runJson, stage } from "../cli/shapes.ts";
import { answering, connect, NEVER, refused } from "./fixture.ts";

const RUN = runJson({ id: "r1", stages: [stage("test", [job("unit", "test")])] });
const AT = "2026-11-23T14:05:09.000Z";

/** What a server has to say about the run, by the ids of its stream. */
const MESSAGES = [
  ["1", "event", { id: 1, runId: "r1", at: AT, type: "run.created", job: null, attempt: null, data: {} }],
  [
    "2;0.1.0",
    "event",
    { id: 2, runId: "r1", at: AT, type: "job.started", job: "unit", attempt: 1, data: {} },
  ],
  ["2;0.1.3", "log", { job: "unit", attempt: 1, offset: 0, bytes: btoa("abc") }],
  ["2;0.1.6", "log", { job: "unit", attempt: 1, offset: 3, bytes: btoa("def") }],
  ["3", "event", { id: 3, runId: "r1", at: AT, type: "run.finished", job: null, attempt: null, data: {} }],
] as const;

const stream = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });
const write = ([id, event, data]: readonly [string, string, unknown]) =>
  `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

/** At most `perConnection` messages after the last one that the client has seen; `end` after all of them. */
function tellOn(request: Request, perConnection: number): Response {
  const last = request.headers.get("last-event-id");
  const from = last === null ? 0 : MESSAGES.findIndex(([id]) => id === last) + 1;
  const part = MESSAGES.slice(from, from + perConnection)
    .map(write)
    .join("");
  const end = from + perConnection >= MESSAGES.length ? "event: end\ndata: {}\n\n" : "";
  return stream(`retry: 1\n\n: hello\n\n${part}${end}`);
}

const isRead = (request: Request) => new URL(request.url).pathname.endsWith("/runs/r1");
const inWords = (item: FollowItem) =>
  item.kind === "event" ? item.event.type : `${item.offset}:${new TextDecoder().decode(item.bytes)}`;
const WHOLE = ["run.created", "job.started", "0:abc", "3:def", "run.finished"];

async function follow(items: AsyncIterable<FollowItem>): Promise<string[]> {
  const seen: string[] = [];
  for await (const item of items) seen.push(inWords(item));
  return seen;
}

describe("following a run", () => {
  test.each([1, 2, 5])("goes on where a connection broke off after %d messages", async (count) => {
    using server = answering((request) => (isRead(request) ? Response.json(RUN) : tellOn(request, count)));
    const { service } = connect(server.url);
    expect(await follow(service.follow("r1", { logs: true }, NEVER))).toEqual(WHOLE);
    const streams = server.requests.filter((request) => !isRead(request));
    expect(streams[0]!.headers.get("last-event-id")).toBeNull();
    expect(streams).toHaveLength(Math.ceil(MESSAGES.length / count));
  });

  test("goes on from the cursor of any item", async () => {
    using server = answering((request) => (isRead(request) ? Response.json(RUN) : tellOn(request, 9)));
    const { service } = connect(server.url);
    for await (const { cursor, ...item } of service.follow("r1", { logs: true }, NEVER)) {
      const rest = await follow(service.follow("r1", { logs: true, from: cursor }, NEVER));
      expect(rest).toEqual(WHOLE.slice(WHOLE.indexOf(inWords({ cursor, ...item })) + 1));
    }
  });

  test("outlasts a restart of the server at the same address, and says so once", async () => {
    let restarted: ReturnType<typeof answering> | undefined;
    const server = answering((request) => (isRead(request) ? Response.json(RUN) : tellOn(request, 2)));
    const { service, told } = connect(server.url, { giveUpMs: 10_000 });
    const seen: string[] = [];
    for await (const item of service.follow("r1", { logs: true }, NEVER)) {
      seen.push(inWords(item));
      if (seen.length !== 2) continue;
      server[Symbol.dispose]();
      setTimeout(() => {
        restarted = answering((request) => tellOn(request, 9), { port: server.port });
      }, 300);
    }
    expect(seen).toEqual(WHOLE);
    expect(told.lines).toEqual([`note: the server at ${server.url} is away; reconnecting ...`]);
    restarted?.[Symbol.dispose]();
  });

  test("gives up with SERVER_UNREACHABLE when the server stays away", async () => {
    const server = answering((request) => (isRead(request) ? Response.json(RUN) : tellOn(request, 2)));
    const { service, told } = connect(server.url, { giveUpMs: 400 });
    const seen: string[] = [];
    const following = (async () => {
      for await (const item of service.follow("r1", { logs: true }, NEVER)) {
        seen.push(inWords(item));
        if (seen.length === 2) server[Symbol.dispose]();
      }
    })();
    expect(await refused(following)).toMatchObject({ code: "SERVER_UNREACHABLE" });
    expect(seen).toEqual(WHOLE.slice(0, 2));
    expect(told.lines).toHaveLength(1);
  });

  test("takes a connection on which nothing comes any more for broken", async () => {
    let count = 0;
    using server = answering((request) => {
      if (isRead(request)) return Response.json(RUN);
      if (++count > 1) return tellOn(request, 9);
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(write(MESSAGES[0]))),
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    });
    const { service } = connect(server.url, { silenceMs: 200 });
    expect(await follow(service.follow("r1", { logs: true }, NEVER))).toEqual(WHOLE);
    expect(count).toBe(2);
  });

  test("ends quietly for who leaves, and at once where the token is refused meanwhile", async () => {
    using server = answering((request) => (isRead(request) ? Response.json(RUN) : tellOn(request, 1)));
    const { service } = connect(server.url);
    const leave = new AbortController();
    const seen: string[] = [];
    for await (const item of service.follow("r1", { logs: true }, leave.signal)) {
      seen.push(inWords(item));
      leave.abort();
    }
    expect(seen).toEqual(WHOLE.slice(0, 1));
    const problem = {
      type: "t",
      title: "t",
      status: 401,
      code: "UNAUTHORIZED",
      detail: "revoked",
      hint: null,
    };
    using strict = answering((request) => {
      if (isRead(request)) return Response.json(RUN);
      if (request.headers.get("last-event-id") === null) return tellOn(request, 1);
      const headers = { "content-type": "application/problem+json" };
      return new Response(JSON.stringify(problem), { status: 401, headers });
    });
    const following = follow(connect(strict.url).service.follow("r1", { logs: true }, NEVER));
    expect(await refused(following)).toMatchObject({ code: "UNAUTHORIZED", message: "revoked" });
  });

  test.each([
    ["a message that is no JSON", "event: event\nid: 1\ndata: <html>\n\n"],
    ["a cursor of another run", write(["7;9.1.0", "log", MESSAGES[2][2]])],
  ])("%s is SERVER_FAILED", async (_, text) => {
    using server = answering((request) => (isRead(request) ? Response.json(RUN) : stream(text)));
    const following = follow(connect(server.url).service.follow("r1", { logs: true }, NEVER));
    expect(await refused(following)).toMatchObject({ code: "SERVER_FAILED" });
  });
});

test("a log that breaks off is read on from there, and it is said", async () => {
  const whole = "0123456789".repeat(1_000);
  const failed = runJson({ id: "r1", stages: [stage("test", [job("unit", "test", { attempt: 1 })])] });
  using server = answering((request) => {
    if (!request.url.includes("/log")) return Response.json(failed);
    const from = Number(/^bytes=(\d+)-(9999)?$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    if (from > 0)
      return new Response(whole.slice(from), {
        status: 206,
        headers: { "content-range": `bytes ${from}-9999/10000` },
      });
    let isBegun = false;
    const cut = new ReadableStream({
      async pull(controller) {
        if (isBegun) await Bun.sleep(50).then(() => controller.error(new Error("cut")));
        else controller.enqueue(new TextEncoder().encode(whole.slice(0, 4_000)));
        isBegun = true;
      },
    });
    return new Response(cut, { headers: { "content-length": String(whole.length) } });
  });
  const { service, told } = connect(server.url);
  let text = "";
  for await (const piece of service.logs("r1", { job: "unit", follow: false }, NEVER)) {
    expect(piece.offset).toBe(text.length);
    text += new TextDecoder().decode(piece.bytes);
  }
  expect(text).toBe(whole);
  expect(told.lines).toEqual([expect.stringContaining("reconnecting")]);
});
