import {
  decodeFollowCursor,
  decodeLogCursor,
  encodeFollowCursor,
  encodeLogCursor,
  jobNamesOf,
} from "../../api/cursor.ts";
import { toRunEventJson } from "../../api/events.ts";
import { readRun } from "../../app/find-run.ts";
import { followLog, type LogPiece } from "../../app/follow-log.ts";
import { followRun } from "../../app/follow-run.ts";
import { toRunJson } from "../../app/shapes.ts";
import { CicdError, messageOf } from "../../errors/cicd-error.ts";
import type { RunDetail } from "../../run/store.ts";
import { eventStream, type StreamMessage } from "../event-stream.ts";
import { readToken } from "../guards.ts";
import type { Handlers } from "../handler.ts";
import { logResponse } from "../log-response.ts";
import type { Context } from "../parts.ts";

export const streamHandlers: Handlers<"followRun" | "readLog"> = {
  async followRun({ params, query }, context) {
    const detail = await readRun(context.app, params.run);
    const jobNames = jobNamesOf(toRunJson(detail, context.app.now()));
    const from = lastEventId(context, (text) => decodeFollowCursor(text, jobNames));
    const options = { logs: query.logs === true, ...(from === undefined ? {} : { from }) };
    const store = await context.app.store();
    return stream(context, async function* (signal) {
      for await (const item of followRun(store, detail.run.id, options, signal)) {
        const id = encodeFollowCursor(item.cursor, jobNames);
        if (item.kind === "event") yield { event: "event", id, data: toRunEventJson(item.event) };
        else yield { event: "log", id, data: toPieceJson(item) };
      }
    });
  },

  async readLog({ params, query }, context) {
    const detail = await readRun(context.app, params.run);
    const isStream = query.follow === true || /\btext\/event-stream\b/.test(accepts(context));
    if (!isStream) return logResponse(context, detail, params.job, query.attempt);
    const first = query.attempt === undefined ? undefined : { attempt: query.attempt, offset: 0 };
    const from = lastEventId(context, decodeLogCursor) ?? first;
    const options = { job: params.job, follow: true, ...(from === undefined ? {} : { from }) };
    checkAttempt(detail, params.job, from?.attempt);
    return stream(context, async function* (signal) {
      for await (const piece of followLog(context.app, detail, options, signal)) {
        const { attempt, offset, bytes } = piece;
        const id = encodeLogCursor({ attempt, offset: offset + bytes.byteLength });
        yield { event: "log", id, data: toPieceJson(piece) };
      }
    });
  },
};

/** Ends with the message `end`, unless it was cut: the client is to come again then. */
function stream(context: Context, messages: (signal: AbortSignal) => AsyncIterable<StreamMessage>): Response {
  const free = context.streams.take(context.token?.id);
  const left = new AbortController();
  // A token that is revoked or expires meanwhile reads no further; a database that is away says nothing about it.
  const watching = setInterval(() => {
    readToken(context.app, context.request).catch((error: unknown) => {
      if (error instanceof CicdError && error.code === "UNAUTHORIZED") left.abort();
    });
  }, context.limits.keepAliveMs);
  const signal = AbortSignal.any([left.signal, context.signal, context.closing]);
  context.mayIdle();
  async function* withEnd(): AsyncGenerator<StreamMessage> {
    yield* messages(signal);
    if (!signal.aborted) yield { event: "end", data: {} };
  }
  return eventStream(withEnd(), {
    keepAliveMs: context.limits.keepAliveMs,
    stallMs: context.limits.stallMs,
    abort: () => left.abort(),
    release: (error) => {
      clearInterval(watching);
      free();
      if (error === undefined || signal.aborted) return;
      const code = error instanceof CicdError ? error.code : "INTERNAL";
      const message = messageOf(error);
      context.log({
        level: code === "INTERNAL" ? "error" : "warn",
        event: "stream.cut",
        text: `a stream was cut: ${message} [${code}]`,
        fields: { code, message },
      });
    },
  });
}

function toPieceJson({ job, attempt, offset, bytes }: LogPiece) {
  return { job, attempt, offset, bytes: Buffer.from(bytes).toString("base64") };
}

/** Throws USAGE for one that this stream has not given out. */
function lastEventId<T>({ request }: Context, decode: (text: string) => T | undefined): T | undefined {
  const text = request.headers.get("last-event-id");
  if (text === null || text === "") return undefined;
  const cursor = decode(text);
  if (cursor === undefined) throw new CicdError("USAGE", "the Last-Event-ID is none of this stream");
  return cursor;
}

function accepts({ request }: Context): string {
  return request.headers.get("accept")?.toLowerCase() ?? "";
}

/** Throws NOT_FOUND for an attempt that there has not been. */
function checkAttempt(detail: RunDetail, name: string, attempt: number | undefined): void {
  const job = detail.jobs.find((candidate) => candidate.name === name);
  if (job === undefined || attempt === undefined || attempt <= Math.max(1, job.attempt)) return;
  throw new CicdError("NOT_FOUND", `"${name}" has had ${job.attempt} attempts`);
}
