import type { Readable } from "node:stream";
import { settlesWithin } from "../attempt/deadline.ts";
import type { Attachment } from "./attach.ts";
import { callEngine, type Engine } from "./connection.ts";
import { endSilence } from "./end-silence.ts";
import { engineError, statusOf } from "./engine-error.ts";
import { readFrames, skipBytes } from "./frames.ts";

const RECONNECT_MS = 200;
/** An attachment ends when its container does; one that ends this much earlier has been cut. */
const EXIT_FOLLOWS_MS = 2_000;
/** How long the rest of the log is asked for once the container has ended. */
const ENGINE_AWAY_MS = 60_000;

/** One start of the container. `attachment` undefined: read its log file. `ended`: the container is known to be stopped. */
export interface LogSegment {
  attachment: Attachment | undefined;
  ended: Promise<void>;
}

/**
 * Everything a container prints over all its starts, from `offset` on, in one back-pressured stream for one reader. It
 * reads attachments; when one breaks off it goes on in the engine's log file at the exact byte. The engine's `follow`
 * may lose the last bytes of a container, so a log file is always read to its end once more after the container stopped.
 */
export class LogStream implements AsyncIterable<Uint8Array> {
  readonly #engine: Engine;
  readonly #containerId: string;
  readonly #segments: LogSegment[] = [];
  readonly #closing = new AbortController();
  #complete = false;
  #wake: () => void = () => {};
  #position: number;
  #fromFile: boolean;

  constructor(engine: Engine, containerId: string, from: { offset: number; fromFile: boolean }) {
    this.#engine = engine;
    this.#containerId = containerId;
    this.#position = from.offset;
    this.#fromFile = from.fromFile;
  }

  push(segment: LogSegment): void {
    if (this.#closing.signal.aborted) segment.attachment?.close();
    else this.#segments.push(segment);
    this.#wake();
  }

  /** No segment follows. */
  complete(): void {
    this.#complete = true;
    this.#wake();
  }

  /** Ends the stream now and lets go of the engine. */
  close(): void {
    this.#closing.abort();
    for (const segment of this.#segments) segment.attachment?.close();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let segment = await this.#next(); segment; segment = await this.#next()) {
        for await (const bytes of this.#read(segment)) {
          this.#position += bytes.length;
          yield bytes;
        }
      }
    } finally {
      this.close();
    }
  }

  async #next(): Promise<LogSegment | undefined> {
    while (!this.#closing.signal.aborted) {
      const segment = this.#segments.shift();
      if (segment !== undefined) return segment;
      if (this.#complete) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }

  async *#read(segment: LogSegment): AsyncGenerator<Uint8Array, void, undefined> {
    if (segment.attachment !== undefined && !this.#fromFile) {
      const whole = yield* this.#readAttachment(segment.attachment, segment.ended);
      if (whole) return;
      this.#fromFile = true;
    }
    segment.attachment?.close();
    yield* this.#readFile(segment.ended);
  }

  /** Returns false when the attachment was cut before its container ended. */
  async *#readAttachment(
    attachment: Attachment,
    ended: Promise<void>,
  ): AsyncGenerator<Uint8Array, boolean, undefined> {
    const stop = () => attachment.close();
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    try {
      yield* readFrames(endSilence(attachment, ended));
    } catch {
      return this.#closing.signal.aborted;
    } finally {
      this.#closing.signal.removeEventListener("abort", stop);
    }
    if (this.#closing.signal.aborted) return true;
    return await settlesWithin(ended, EXIT_FOLLOWS_MS);
  }

  /** Throws DOCKER_UNREACHABLE when the engine stays away. */
  async *#readFile(ended: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
    let stoppedAt: number | undefined;
    void ended.then(() => {
      stoppedAt = performance.now();
    });
    for (;;) {
      await Promise.resolve();
      const isLast = stoppedAt !== undefined;
      const position = this.#position;
      const failure = yield* this.#readFileOnce(ended, !isLast);
      if (this.#closing.signal.aborted || (isLast && failure === undefined)) return;
      if (stoppedAt === undefined) await settlesWithin(ended, RECONNECT_MS);
      else if (failure !== undefined) {
        if (this.#position > position) stoppedAt = performance.now();
        if (performance.now() - stoppedAt > ENGINE_AWAY_MS)
          throw engineError(failure.error, "give the rest of the log", this.#engine.host);
        await Bun.sleep(RECONNECT_MS);
      }
    }
  }

  /** Returns with what the engine broke off, if it did. */
  async *#readFileOnce(
    ended: Promise<void>,
    follow: boolean,
  ): AsyncGenerator<Uint8Array, { error: unknown } | undefined, undefined> {
    const { signal } = this.#closing;
    if (signal.aborted) return undefined;
    let stream: Readable | undefined;
    const stop = () => stream?.destroy();
    try {
      stream = await openLogFile(this.#engine, this.#containerId, follow);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) return undefined;
      yield* skipBytes(readFrames(endSilence(stream, ended)), this.#position);
      return undefined;
    } catch (error) {
      return statusOf(error) === 404 ? undefined : { error };
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }
}

/** Always a stream, also for what has ended: dockerode buffers the whole answer otherwise. */
async function openLogFile(engine: Engine, containerId: string, follow: boolean): Promise<Readable> {
  return (await callEngine(engine, {
    path: `/containers/${containerId}/logs?`,
    method: "GET",
    options: { stdout: true, stderr: true, follow },
    isStream: true,
    statusCodes: { 200: true, 404: "no such container", 500: "server error" },
  })) as Readable;
}
