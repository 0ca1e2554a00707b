import { withinMs } from "../app/wait.ts";

/** One message of `text/event-stream`. `data` is sent as JSON. */
export interface StreamMessage {
  event: string;
  data: unknown;
  /** Comes back as Last-Event-ID. */
  id?: string;
}

const RETRY_MS = 1_000;
export const KEEP_ALIVE_MS = 15_000;

/**
 * An event stream of these messages, read as fast as the client takes them and no faster: who is slow holds up nobody and
 * misses nothing. While there is nothing to say, a comment goes out every `keepAliveMs`. `release` is called once, when it
 * has ended for whatever reason; `abort` when the client has left, or has taken nothing for `stallMs`. An error of the messages
 * ends it as a cut would: the client comes again.
 */
export function eventStream(
  messages: AsyncIterable<StreamMessage>,
  options: { keepAliveMs: number; stallMs: number; abort: () => void; release: (error?: unknown) => void },
): Response {
  const iterator = messages[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<StreamMessage>> | undefined;
  let hasBegun = false;
  let isOver = false;
  let stalled: ReturnType<typeof setTimeout> | undefined;
  const giveUp = (controller: ReadableStreamDefaultController) => {
    options.abort();
    options.release();
    controller.error(new Error("the client does not read"));
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stalled);
      await next(controller);
      // Where it was canceled or ended meanwhile, nobody is waited for.
      if (!isOver) stalled = setTimeout(() => giveUp(controller), options.stallMs);
    },
    async cancel() {
      isOver = true;
      clearTimeout(stalled);
      options.abort();
      pending?.catch(() => {});
      await iterator.return?.().catch(() => {});
      options.release();
    },
  });
  async function next(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (!hasBegun) {
      hasBegun = true;
      controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
      return;
    }
    try {
      pending ??= iterator.next();
      const result = await withinMs(pending, options.keepAliveMs);
      if (result === undefined) {
        controller.enqueue(encoder.encode(": still here\n\n"));
        return;
      }
      pending = undefined;
      if (result.done !== true) {
        controller.enqueue(encoder.encode(format(result.value)));
        return;
      }
      options.release();
    } catch (error) {
      options.release(error);
    }
    controller.close();
    isOver = true;
  }
  return new Response(body, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}

/** JSON holds no line break, so that one `data` line is enough. */
function format({ event, data, id }: StreamMessage): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`;
}
