import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { createToken, revokeToken } from "../../src/app/tokens.ts";
import { eventually } from "../support/eventually.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { type Message, readStream, ServerFixture } from "./fixture.ts";

const ONE = planOf([plannedJob("build")]);
const bytes = (text: string) => new TextEncoder().encode(text);

let fixture: ServerFixture;
beforeAll(async () => {
  fixture = await ServerFixture.open({ limits: { keepAliveMs: 200, streams: 4 } });
});
afterAll(() => fixture[Symbol.asyncDispose]());

async function collect(
  response: Response,
  until: (message: Message) => boolean = () => false,
): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of readStream(response)) {
    messages.push(message);
    if (until(message)) break;
  }
  return messages;
}

const textOf = (messages: Message[]) =>
  messages
    .filter(({ event }) => event === "log")
    .map(({ data }) => Buffer.from((data as { bytes: string }).bytes, "base64").toString())
    .join("");
const typesOf = (messages: Message[]) =>
  messages.map(({ event, data }) => (event === "event" ? (data as { type: string }).type : event));

describe("the events of a run", () => {
  test("come from the first to the last, with the log between start and end, and end", async () => {
    const run = await fixture.record(ONE);
    const response = await fixture.fetch(`/api/v1/runs/${run}/events`, { query: "logs=true" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reading = collect(response);
    const lease = await fixture.begin(run);
    await fixture.say(lease, 0, bytes("one\n"));
    await fixture.say(lease, 4, bytes("two\n"));
    await fixture.end(lease, { logBytes: 8 });
    const messages = await reading;
    expect(textOf(messages)).toBe("one\ntwo\n");
    const types = typesOf(messages);
    expect(types[0]).toBe("run.created");
    expect(types.indexOf("job.started")).toBeLessThan(types.indexOf("log"));
    expect(types.lastIndexOf("log")).toBeLessThan(types.indexOf("job.finished"));
    expect(types.slice(-2)).toEqual(["run.finished", "end"]);
  });

  test("go on after every single message where it was left, nothing twice and nothing missing", async () => {
    const plan = planOf([plannedJob("a"), plannedJob("b")]);
    const run = await fixture.record(plan);
    const [one, two] = [await fixture.begin(run), await fixture.begin(run)];
    await fixture.say(one, 0, bytes("first\n"));
    await fixture.say(two, 0, bytes("second\n"));
    await fixture.end(one, { logBytes: 6 });
    await fixture.end(two, { logBytes: 7 });
    const path = `/api/v1/runs/${run}/events`;
    const whole = await collect(await fixture.fetch(path, { query: "logs=true" }));
    const keyOf = ({ event, data }: Message) => JSON.stringify([event, data]);
    for (const [index, { id }] of whole.slice(0, -1).entries()) {
      const rest = await collect(
        await fixture.fetch(path, { query: "logs=true", headers: { "last-event-id": id! } }),
      );
      expect(rest.map(keyOf)).toEqual(whole.slice(index + 1).map(keyOf));
    }
  });

  test("go on where they were after the server has been restarted", async () => {
    const run = await fixture.record(ONE);
    const path = `/api/v1/runs/${run}/events`;
    const first = await fixture.fetch(path, { query: "logs=true" });
    const seen: Message[] = [];
    const reading = (async () => {
      for await (const message of readStream(first)) seen.push(message);
    })();
    const lease = await fixture.begin(run);
    await fixture.say(lease, 0, bytes("before "));
    await eventually(() => textOf(seen) === "before ");
    await fixture.restart();
    await reading;
    expect(typesOf(seen)).not.toContain("end");
    await fixture.say(lease, 7, bytes("after\n"));
    await fixture.end(lease, { logBytes: 13 });
    const headers = { "last-event-id": seen.at(-1)!.id! };
    const rest = await collect(await fixture.fetch(path, { query: "logs=true", headers }));
    expect(textOf([...seen, ...rest])).toBe("before after\n");
    expect(typesOf(rest).at(-1)).toBe("end");
    const events = [...seen, ...rest].filter(({ event }) => event === "event");
    expect(new Set(events.map(({ data }) => (data as { id: number }).id)).size).toBe(events.length);
  });

  test("are kept alive by comments while nothing happens", async () => {
    const run = await fixture.record(ONE);
    const response = await fixture.fetch(`/api/v1/runs/${run}/events`);
    let comments = 0;
    const reading = (async () => {
      for await (const _ of readStream(response, () => void comments++)) if (comments >= 2) break;
    })();
    await eventually(() => comments >= 2);
    const lease = await fixture.begin(run);
    await fixture.end(lease);
    await reading;
    expect(comments).toBeGreaterThanOrEqual(2);
  });

  test("are served to so many readers at a time; one that leaves makes room", async () => {
    const run = await fixture.record(ONE);
    const path = `/api/v1/runs/${run}/events`;
    const open = await Promise.all(Array.from({ length: 4 }, () => fixture.fetch(path)));
    expect(open.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const refused = await fixture.refusal(path);
    expect([refused.status, refused.code]).toEqual([503, "SERVER_BUSY"]);
    expect(refused.headers.get("retry-after")).not.toBeNull();
    await open[0]!.body!.cancel();
    await eventually(async () => {
      const response = await fixture.fetch(path);
      await response.body!.cancel();
      return response.status === 200;
    });
    for (const response of open.slice(1)) await response.body!.cancel();
  });

  test("refuse a Last-Event-ID that they never gave", async () => {
    const run = await fixture.record(ONE);
    const headers = { "last-event-id": "7;99.1.0" };
    const refused = await fixture.refusal(`/api/v1/runs/${run}/events`, { headers });
    expect([refused.status, refused.code]).toEqual([400, "USAGE"]);
  });
});

describe("a slow reader", () => {
  test("is waited for: the store is read no further than it reads, others are served, and it misses nothing", async () => {
    const run = await fixture.record(ONE);
    const lease = await fixture.begin(run);
    const chunk = crypto.getRandomValues(new Uint8Array(65_536));
    const megabyte = Buffer.concat(Array.from({ length: 16 }, () => chunk));
    const hash = createHash("sha256");
    for (let index = 0; index < MEGABYTES; index++) {
      await fixture.say(lease, index * megabyte.length, megabyte);
      hash.update(megabyte);
    }
    await fixture.end(lease, { logBytes: MEGABYTES * megabyte.length });
    const store = await fixture.app.store();
    const readLog = store.readLog.bind(store);
    let reads = 0;
    store.readLog = (at) => {
      reads += 1;
      return readLog(at);
    };
    await using reader = await openIdle(`/api/v1/runs/${run}/jobs/build/log`);
    await eventually(() => reads > 3);
    for (let index = 0; index < 100; index++) {
      const response = await fixture.fetch(`/api/v1/runs/${run}`);
      expect(response.status).toBe(200);
      await response.text();
    }
    expect(reads).toBeLessThan(MEGABYTES * 2);
    const read = createHash("sha256");
    for await (const { event, data } of readStream(new Response(reader.resume()))) {
      if (event === "log") read.update(Buffer.from((data as { bytes: string }).bytes, "base64"));
      if (event === "end") break;
    }
    expect(reads).toBeGreaterThanOrEqual(MEGABYTES * 4);
    expect(read.digest("hex")).toBe(hash.digest("hex"));
    store.readLog = readLog;
  }, 20_000);
});

test("a client that has stopped reading does not keep its place for ever", async () => {
  await using own = await ServerFixture.open({ limits: { streams: 1, stallMs: 300 } });
  const run = await own.record(ONE);
  const lease = await own.begin(run);
  for (let index = 0; index < 16; index++) await own.say(lease, index * MIB, new Uint8Array(MIB).fill(65));
  const path = `/api/v1/runs/${run}/jobs/build/log`;
  await using _idle = await openIdle(path, own);
  await eventually(async () => (await own.fetch(path, { query: "follow=true" })).status === 503);
  await eventually(async () => {
    const response = await own.fetch(path, { query: "follow=true" });
    await response.body?.cancel();
    return response.status === 200;
  });
});

const MIB = 1024 * 1024;
const MEGABYTES = 32;

/** Asks for an event stream over a connection that reads nothing before `resume`. */
async function openIdle(
  path: string,
  of = fixture,
  accept = "text/event-stream",
): Promise<AsyncDisposable & { resume(): ReadableStream<Uint8Array> }> {
  const { hostname, port, host } = new URL(of.url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  await once(socket, "connect");
  const lines = [`GET ${path} HTTP/1.0`, `Host: ${host}`, `Accept: ${accept}`];
  socket.write(`${[...lines, `Authorization: Bearer ${of.token("read")}`].join("\r\n")}\r\n\r\n`);
  return {
    resume: () => Readable.toWeb(socket) as unknown as ReadableStream<Uint8Array>,
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

describe("the log of a job", () => {
  test("is served whole, by range, and by attempt", async () => {
    const run = await fixture.record(ONE);
    const path = `/api/v1/runs/${run}/jobs/build/log`;
    expect(await (await fixture.fetch(path)).text()).toBe("");
    const lease = await fixture.begin(run);
    await fixture.say(lease, 0, bytes("0123456789"));
    const part = async (range: string) => {
      const response = await fixture.fetch(path, { headers: { range } });
      return [response.status, await response.text(), response.headers.get("content-range")];
    };
    expect(await part("bytes=2-4")).toEqual([206, "234", "bytes 2-4/10"]);
    expect(await part("bytes=7-")).toEqual([206, "789", "bytes 7-9/10"]);
    expect(await part("bytes=-2")).toEqual([206, "89", "bytes 8-9/10"]);
    expect(await part("bytes=5-100")).toEqual([206, "56789", "bytes 5-9/10"]);
    for (const odd of ["bytes=4-2", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes=-", ""]) {
      expect((await part(odd)).slice(0, 2)).toEqual([200, "0123456789"]);
    }
    const beyond = await fixture.refusal(path, { headers: { range: "bytes=10-" } });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get("content-range")).toBe("bytes */10");
    const whole = await fixture.fetch(path, { query: "attempt=1" });
    expect(whole.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(whole.headers.get("content-length")).toBe("10");
    expect(await whole.text()).toBe("0123456789");
    expect((await fixture.refusal(`${path}?attempt=2`)).status).toBe(404);
    expect((await fixture.refusal(`/api/v1/runs/${run}/jobs/biuld/log`)).hint).toContain("build");
  });

  test("streams attempt after attempt, and goes on from a byte", async () => {
    const retried = planOf([
      plannedJob("build", { retry: { max: 1, when: ["script_failure"], exitCodes: [] } }),
    ]);
    const run = await fixture.record(retried);
    const one = await fixture.begin(run);
    await fixture.say(one, 0, bytes("failing\n"));
    await fixture.end(one, { status: "failed", exitCode: 1, failureReason: "script_failure", logBytes: 8 });
    const path = `/api/v1/runs/${run}/jobs/build/log`;
    const follow = (id?: string) =>
      fixture.fetch(path, {
        query: "attempt=1",
        headers: { accept: "text/event-stream", ...(id === undefined ? {} : { "last-event-id": id }) },
      });
    const reading = collect(await follow());
    const two = await fixture.begin(run);
    await fixture.say(two, 0, bytes("working\n"));
    await fixture.end(two, { logBytes: 8 });
    expect(textOf(await reading)).toBe("failing\nworking\n");
    expect(textOf(await collect(await follow("1.3")))).toBe("ling\nworking\n");
    expect(textOf(await collect(await follow("2.0")))).toBe("working\n");
    expect(textOf(await collect(await follow("2.8")))).toBe("");
  });
});

test("a reader of a log may pause for longer than a connection may stand still", async () => {
  await using own = await ServerFixture.open({ limits: { idleSeconds: 1, stallMs: 12_000 } });
  const run = await own.record(ONE);
  const lease = await own.begin(run);
  const length = 24 * MIB;
  for (let at = 0; at < length; at += MIB) await own.say(lease, at, new Uint8Array(MIB).fill(65));
  const path = `/api/v1/runs/${run}/jobs/build/log`;
  await using reader = await openIdle(path, own, "text/plain");
  const answer = reader.resume().getReader();
  await Bun.sleep(8_000);
  let received = 0;
  for (let next = await answer.read(); next.done !== true; next = await answer.read())
    received += next.value.byteLength;
  expect(received).toBeGreaterThan(length);
}, 40_000);

test("a stream ends when its token is revoked; one token has so many streams at a time", async () => {
  await using own = await ServerFixture.open({ limits: { keepAliveMs: 100, streamsPerToken: 2 } });
  const run = await own.record(ONE);
  const path = `/api/v1/runs/${run}/events`;
  const { token } = await createToken(own.app, { name: "brief", role: "read", expiresInMs: null });
  const open = [await own.fetch(path, { token }), await own.fetch(path, { token })];
  expect((await own.refusal(path, { token })).code).toBe("SERVER_BUSY");
  const other = await own.fetch(path);
  expect(other.status).toBe(200);
  await other.body?.cancel();
  await revokeToken(own.app, "brief");
  for (const response of open) expect(typesOf(await collect(response))).not.toContain("end");
});
