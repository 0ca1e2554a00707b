import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { RouteName } from "../api/routes.ts";
import { isOfType, isPassing, oddAnswer } from "./answers.ts";
import type { ApiClient } from "./api-client.ts";
import { Patience } from "./patience.ts";

const EVENT_STREAM = "text/event-stream";

interface StreamRequest {
  params: Record<string, string>;
  query: Record<string, string | boolean>;
  /** The id of the last message that was seen. */
  lastId: string | undefined;
}

/**
 * The messages of an event stream up to its `end`, over as many connections as it takes: each goes on after the last message
 * of the one before. Throws what the server answers, and SERVER_UNREACHABLE once it has not answered for a minute. Aborting
 * ends it quietly.
 */
export async function* followStream(
  client: ApiClient,
  route: RouteName,
  request: StreamRequest,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  const patience = new Patience(client.times);
  const { params, query } = request;
  let { lastId } = request;
  while (!signal.aborted) {
    let failure: unknown;
    let wasAlive = false;
    const alive = () => {
      wasAlive = true;
    };
    try {
      const headers = { accept: EVENT_STREAM, ...(lastId === undefined ? {} : { "last-event-id": lastId }) };
      const response = await client.openOnce(route, { params, query, headers }, signal);
      for await (const message of readMessages(client, response, alive, signal)) {
        if (message.event === "end") return;
        if (message.id !== undefined) lastId = message.id;
        yield message;
      }
      failure = client.unreachable("the connection was closed");
    } catch (error) {
      if (signal.aborted) return;
      if (!client.hasAnswered || !isPassing(error)) throw error;
      client.noteAway();
      failure = error;
    }
    if (wasAlive) patience.reset();
    const isToGoOn = await patience.wait(signal).catch(() => true);
    if (!isToGoOn) throw failure;
  }
}

/** The messages of one connection. `onLife`: one came, or a comment that shows that the server is there. */
async function* readMessages(
  client: ApiClient,
  response: Response,
  onLife: () => void,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  if (!isOfType(response, EVENT_STREAM) || response.body === null) {
    await response.body?.cancel();
    throw oddAnswer(client.address, "it is no event stream");
  }
  const messages: EventSourceMessage[] = [];
  const onEvent = (message: EventSourceMessage) => {
    onLife();
    messages.push(message);
  };
  const parser = createParser({ onEvent, onComment: onLife });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value, done } = await withinSilence(client, reader.read(), signal);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function withinSilence<T>(client: ApiClient, reading: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const { silenceMs } = client.times;
  const timer = setTimeout(() => reject(client.unreachable("the connection fell silent")), silenceMs);
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([reading, promise]);
  } catch (error) {
    throw client.toError(error, signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
