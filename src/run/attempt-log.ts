import { createHash, type Hash } from "node:crypto";
import { LogSanitizer } from "./log-sanitizer.ts";
import type { Masker } from "./masker.ts";
import type { LogStore } from "./store.ts";

/** Does something with the store, perhaps more than once: `Persist` with all but the act given. */
type Persisting = <T>(act: () => Promise<T>) => Promise<T>;

/**
 * Writes the log of one attempt: what comes in is sanitized, masked, cut at the limit, hashed and stored in chunks, at the latest
 * `flushMs` after it came. `write` resolves when there is room again (back-pressure). A log that is resumed, of an attempt that
 * may have one already, is continued: of the job's output, which is given again from its first byte, the part already stored
 * is passed over.
 */
export class AttemptLog {
  readonly #store: LogStore;
  readonly #at: AttemptId;
  readonly #limits: LogLimits;
  readonly #persist: Persisting;
  readonly #sanitizer = new LogSanitizer();
  #masker: Masker | undefined;
  readonly #hash: Hash = createHash("sha256");
  #stored = 0;
  #passOver = 0;
  #output = 0;
  #buffer: Uint8Array;
  #buffered = 0;
  #flushing: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: { error: unknown } | undefined;
  #isFull = false;
  #isMarked = false;
  #isMidLine = false;
  readonly #startMark: Uint8Array;

  private constructor(
    store: LogStore,
    at: AttemptId,
    startMark: Uint8Array,
    limits: LogLimits,
    persist: Persisting,
  ) {
    this.#store = store;
    this.#at = at;
    this.#startMark = startMark;
    this.#limits = limits;
    this.#persist = persist;
    this.#buffer = new Uint8Array(limits.chunkBytes);
  }

  /**
   * The log of an attempt that has none. `start` is said last before the job's first byte: it separates what cicd says from
   * what the job prints.
   */
  static begin(
    store: LogStore,
    at: AttemptId,
    start: string,
    limits: LogLimits,
    persist: Persisting,
  ): AttemptLog {
    return new AttemptLog(store, at, new TextEncoder().encode(noteLine(start)), limits, persist);
  }

  static async resume(
    store: LogStore,
    at: AttemptId,
    start: string,
    limits: LogLimits,
    persist: Persisting,
  ): Promise<AttemptLog> {
    const log = AttemptLog.begin(store, at, start, limits, persist);
    await log.#resume();
    return log;
  }

  /** True where the job had printed something before this log was opened: it has run already. */
  get hasEarlierOutput(): boolean {
    return this.#passOver > 0;
  }

  /** True once the limit is reached: nothing more is kept, so nothing more need be read. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** From now on nothing that `masker` masks is kept; before the job's first byte. */
  maskWith(masker: Masker | undefined): void {
    this.#masker = masker;
  }

  /** A text about the attempt, fit to be stored elsewhere. */
  masked(text: string): string {
    return this.#masker?.text(text) ?? text;
  }

  /** Whether `masked` hides something of it. */
  hidesPartOf(text: string): boolean {
    return this.#masker?.finds(text) ?? false;
  }

  /** A line of cicd's own. */
  async note(line: string): Promise<void> {
    const lineFeed = this.#isMidLine ? "\n" : "";
    await this.#keep(new TextEncoder().encode(`${lineFeed}${noteLine(this.masked(line))}`));
  }

  /** Bytes the job printed. */
  async write(bytes: Uint8Array): Promise<void> {
    const shown = this.#sanitizer.push(bytes);
    await this.#take(this.#masker?.push(shown) ?? shown);
  }

  /** The job prints no more: lets go of what was held back. */
  async endOutput(): Promise<void> {
    const rest = this.#sanitizer.end();
    if (this.#masker === undefined) return await this.#take(rest);
    const shown = Buffer.from(this.#masker.push(rest));
    await this.#take(Buffer.concat([shown, this.#masker.end()]));
  }

  /** Stores everything. Throws what storing threw. */
  async close(): Promise<{ logBytes: number; logSha256: string }> {
    await this.#flush();
    return { logBytes: this.#stored, logSha256: this.#hash.digest("hex") };
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const skip = Math.min(bytes.length, Math.max(0, this.#passOver - this.#output));
    this.#output += bytes.length;
    if (!this.#isMarked && bytes.length > 0) {
      this.#isMarked = true;
      await this.#keep(this.#startMark);
    }
    if (this.#isFull || skip === bytes.length) return;
    const room = Math.max(0, this.#limits.maxBytes - (this.#output - bytes.length));
    await this.#keep(bytes.subarray(skip, Math.max(skip, room)));
    if (bytes.length <= room) return;
    this.#isFull = true;
    await this.note(`the log is cut here: it reached its limit of ${this.#limits.maxBytes} bytes`);
  }

  async #keep(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) this.#isMidLine = bytes[bytes.length - 1] !== LF;
    let rest = bytes;
    while (rest.length > 0) {
      const part = rest.subarray(0, this.#buffer.length - this.#buffered);
      this.#buffer.set(part, this.#buffered);
      this.#buffered += part.length;
      rest = rest.subarray(part.length);
      if (this.#buffered === this.#buffer.length) await this.#flush();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#buffered > 0)
      this.#timer ??= setTimeout(() => void this.#flush().catch(() => {}), this.#limits.flushMs);
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#storeBuffer());
    return this.#flushing;
  }

  async #storeBuffer(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.slice(0, this.#buffered);
    this.#buffered = 0;
    try {
      for (let rest = bytes; rest.length > 0; ) {
        const chunk = { ...this.#at, offset: this.#stored + bytes.length - rest.length, bytes: rest };
        const result = await this.#persist(() => this.#store.appendLog(chunk));
        if (result === "stored") break;
        rest = rest.subarray(await this.#countStored(chunk.offset, rest));
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    this.#hash.update(bytes);
    this.#stored += bytes.length;
  }

  /**
   * How many of these bytes are stored from `offset` on: by a call of ours, or of the same worker's former process, that the
   * database carried out after all. Throws LogLostError where there are none, or others.
   */
  async #countStored(offset: number, bytes: Uint8Array): Promise<number> {
    const read = () => this.#store.readLog({ ...this.#at, offset, maxBytes: bytes.length });
    const slice = await this.#persist(read);
    const count = slice.bytes.length;
    if (slice.complete || count === 0 || Buffer.compare(slice.bytes, bytes.subarray(0, count)) !== 0)
      throw new LogLostError();
    return count;
  }

  /** Reads what a former owner has stored: its hash, its end, and how much of it the job had printed. */
  async #resume(): Promise<void> {
    let head = Buffer.alloc(0);
    let markEnd = -1;
    for (;;) {
      const at = { ...this.#at, offset: this.#stored, maxBytes: READ_BYTES };
      const { bytes } = await this.#persist(() => this.#store.readLog(at));
      if (bytes.length === 0) break;
      this.#hash.update(bytes);
      this.#stored += bytes.length;
      this.#isMidLine = bytes[bytes.length - 1] !== LF;
      if (markEnd >= 0) continue;
      head = Buffer.concat([head, bytes]);
      const markStart = head.indexOf(this.#startMark);
      if (markStart >= 0) markEnd = markStart + this.#startMark.length;
    }
    this.#isMarked = markEnd >= 0;
    if (this.#isMarked) this.#passOver = this.#stored - markEnd;
    this.#isFull = this.#passOver > this.#limits.maxBytes;
  }
}

export interface AttemptId {
  jobId: string;
  attempt: number;
}

export interface LogLimits {
  /** Of the job's own output. */
  maxBytes: number;
  chunkBytes: number;
  flushMs: number;
}

/** Another owner writes this log, or the attempt is finished: the lease is lost. */
export class LogLostError extends Error {
  constructor() {
    super("the log of the attempt is not ours any more");
  }
}

const LF = 0x0a;
const READ_BYTES = 1024 * 1024;

function noteLine(text: string): string {
  return `\u001b[36mcicd: ${text}\u001b[0m\n`;
}
