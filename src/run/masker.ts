import { ByteTrie } from "./byte-trie.ts";
import { LogSanitizer } from "./log-sanitizer.ts";
import { maskPatterns } from "./mask-patterns.ts";

/**
 * Replaces secrets in a stream of sanitized log bytes by `[MASKED]`, wherever the stream is cut and whatever colours (SGR) stand between
 * their characters. Every byte that belongs to any pattern is replaced; adjoining ones become one mark. Time is linear in the
 * stream's length; held back is less than the longest pattern, and at most `MAX_HELD_COLOURS` of colours.
 */
export class Masker {
  readonly #trie: ByteTrie;
  #state = 0;
  /** Bytes that may still become part of a secret, from `#start` to `#end`, and what each is: SECRET, COLOUR or 0. */
  #held = new Uint8Array(1024);
  #kind = new Uint8Array(1024);
  #start = 0;
  #end = 0;
  /** Of the held bytes: those that are no colours, and those that are. */
  #visible = 0;
  #colours = 0;
  /** Of those that are none: which are part of a match. */
  #marked = 0;
  #inColour = false;
  #dropsColour = false;
  #isMasking = false;
  #out = new Uint8Array(1024);
  #length = 0;

  constructor(trie: ByteTrie) {
    this.#trie = trie;
  }

  /** Undefined where there is nothing to mask. */
  static of(values: Iterable<string>): Masker | undefined {
    const patterns = maskPatterns(values).map(asShown);
    return patterns.length === 0 ? undefined : new Masker(new ByteTrie(patterns));
  }

  /** The result is valid until the next call. */
  push(chunk: Uint8Array): Uint8Array {
    this.#length = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      if (this.#isPlain && this.#visible <= i) i = this.#pass(chunk, i);
      const byte = chunk[i];
      if (byte === undefined) break;
      if (this.#inColour || byte === ESC) this.#colour(byte);
      else this.#character(byte);
    }
    return this.#out.subarray(0, this.#length);
  }

  /** Held back is nothing but what may begin a secret. */
  get #isPlain(): boolean {
    return !this.#inColour && this.#colours === 0 && this.#marked === 0;
  }

  /** Gives out, in one piece, what leads to no match and no colour; where that ends. What is held is of this chunk. */
  #pass(chunk: Uint8Array, from: number): number {
    const trie = this.#trie;
    const begin = from - this.#visible;
    const end = trie.run(chunk, from, this.#state, ESC);
    if (end === from) return end;
    this.#state = trie.state;
    const safe = end - trie.depth(trie.state);
    if (safe > begin) {
      this.#isMasking = false;
      this.#reserve(safe - begin);
      this.#out.set(chunk.subarray(begin, safe), this.#length);
      this.#length += safe - begin;
    }
    this.#start = 0;
    this.#end = 0;
    this.#visible = end - safe;
    for (let i = safe; i < end; i += 1) this.#hold(chunk[i]!, 0);
    return end;
  }

  /** What was held back at the end of the stream. */
  end(): Uint8Array {
    this.#length = 0;
    this.#release(0);
    this.#state = 0;
    this.#inColour = false;
    this.#isMasking = false;
    return this.#out.subarray(0, this.#length);
  }

  /** A text of its own, which is sanitized as well. */
  text(text: string): string {
    const one = new Masker(this.#trie);
    const head = Buffer.from(one.push(sanitized(text)));
    return Buffer.concat([head, one.end()]).toString("utf8");
  }

  /** Whether there is something in it to mask. */
  finds(text: string): boolean {
    return this.text(text) !== sanitized(text).toString("utf8");
  }

  #character(byte: number): void {
    const trie = this.#trie;
    this.#state = trie.next(this.#state, byte);
    this.#hold(byte, 0);
    this.#visible += 1;
    const matched = trie.matched(this.#state);
    if (matched > 0) this.#mark(matched);
    this.#release(trie.depth(this.#state));
  }

  /** Colours move no match on; those within a secret are let go of with it. */
  #colour(byte: number): void {
    if (!this.#inColour) this.#dropsColour = this.#colours > MAX_HELD_COLOURS;
    this.#inColour = byte !== COLOUR_END;
    if (this.#start === this.#end) this.#put(byte);
    else if (!this.#dropsColour) {
      this.#hold(byte, COLOUR);
      this.#colours += 1;
    }
  }

  /** The last `count` characters belong to a secret. */
  #mark(count: number): void {
    for (let i = this.#end - 1, left = count; left > 0; i -= 1) {
      if (this.#kind[i] === COLOUR) continue;
      if (this.#kind[i] !== SECRET) this.#marked += 1;
      this.#kind[i] = SECRET;
      left -= 1;
    }
  }

  /** Gives out everything but the last `keep` characters and what stands between them. */
  #release(keep: number): void {
    while (this.#start < this.#end && (this.#visible > keep || this.#kind[this.#start] === COLOUR)) {
      const byte = this.#held[this.#start]!;
      const kind = this.#kind[this.#start]!;
      this.#start += 1;
      if (kind === COLOUR) this.#colours -= 1;
      else this.#visible -= 1;
      if (kind === SECRET) {
        this.#marked -= 1;
        if (!this.#isMasking) for (const mark of MARK) this.#put(mark);
        this.#isMasking = true;
      } else {
        if (kind !== COLOUR) this.#isMasking = false;
        this.#put(byte);
      }
    }
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
  }

  #hold(byte: number, kind: number): void {
    if (this.#end === this.#held.length) this.#makeRoom();
    this.#held[this.#end] = byte;
    this.#kind[this.#end] = kind;
    this.#end += 1;
  }

  #makeRoom(): void {
    const count = this.#end - this.#start;
    const size = count * 2 > this.#held.length ? this.#held.length * 2 : this.#held.length;
    const held = new Uint8Array(size);
    const kind = new Uint8Array(size);
    held.set(this.#held.subarray(this.#start, this.#end));
    kind.set(this.#kind.subarray(this.#start, this.#end));
    this.#held = held;
    this.#kind = kind;
    this.#start = 0;
    this.#end = count;
  }

  #put(byte: number): void {
    this.#reserve(1);
    this.#out[this.#length] = byte;
    this.#length += 1;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#out.length) return;
    const larger = new Uint8Array(Math.max(this.#out.length * 2, this.#length + count));
    larger.set(this.#out.subarray(0, this.#length));
    this.#out = larger;
  }
}

const ESC = 0x1b;
/** `m`. */
const COLOUR_END = 0x6d;
const COLOUR = 2;
const SECRET = 1;
const MARK = new TextEncoder().encode("[MASKED]");
const MAX_HELD_COLOURS = 4096;

/** As the log's sanitizer lets it through, without colours. */
function asShown(pattern: string): Uint8Array {
  const shown = sanitized(pattern).toString("latin1");
  return Buffer.from(shown.replace(COLOURS, "").replace(/^\n+|\n+$/g, ""), "latin1");
}

function sanitized(text: string): Buffer {
  const sanitizer = new LogSanitizer();
  const head = Buffer.from(sanitizer.push(new TextEncoder().encode(text)));
  return Buffer.concat([head, sanitizer.end()]);
}

const COLOURS = /\u001b\[[0-9:;]*m/g;
