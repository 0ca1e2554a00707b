/**
 * Makes what a job prints safe to show on a terminal, byte stream in, byte stream out, whatever the chunk boundaries:
 * colours (SGR, `ESC [ … m`) stay, every other escape sequence (CSI, OSC, DCS, APC, PM, SOS, two-byte) is removed; a
 * carriage return that does not end a line becomes a line feed, so that nothing printed can be hidden by overwriting;
 * other control characters appear in caret notation (`^G`), C1 controls as U+FFFD. All else passes byte for byte.
 */
export class LogSanitizer {
  #state: "ground" | "cr" | "escape" | "csi" | "string" | "string_escape" | "c2" = "ground";
  #sequence: number[] = [];
  #out = new Uint8Array(64 * 1024);
  #length = 0;

  /** The result is valid until the next call. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#state === "ground" && isPlain(chunk)) return chunk;
    this.#length = 0;
    for (let i = 0; i < chunk.length; i += 1) this.#byte(chunk[i]!);
    return this.#out.subarray(0, this.#length);
  }

  /** What was held back at the end of the stream. */
  end(): Uint8Array {
    this.#length = 0;
    if (this.#state === "cr") this.#put(LF);
    if (this.#state === "c2") this.#put(0xc2);
    this.#state = "ground";
    return this.#out.subarray(0, this.#length);
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case "ground":
        this.#ground(byte);
        break;
      case "cr":
        this.#afterReturn(byte);
        break;
      case "c2":
        this.#afterC2(byte);
        break;
      case "escape":
        this.#escape(byte);
        break;
      case "csi":
        this.#csi(byte);
        break;
      case "string":
        if (byte === ESC) this.#state = "string_escape";
        else if (byte === BEL || byte === LF) this.#endString(byte);
        break;
      case "string_escape":
        if (byte === 0x5c) this.#state = "ground";
        else this.#escape(byte);
        break;
    }
  }

  #afterReturn(byte: number): void {
    if (byte === CR) return;
    this.#state = "ground";
    this.#put(LF);
    if (byte !== LF) this.#ground(byte);
  }

  /** C2 80 … C2 9F are the C1 controls, C2 9B among them: a CSI in one character. */
  #afterC2(byte: number): void {
    this.#state = "ground";
    if (byte >= 0x80 && byte <= 0x9f) {
      this.#put(0xef, 0xbf, 0xbd);
    } else {
      this.#put(0xc2);
      this.#ground(byte);
    }
  }

  #ground(byte: number): void {
    if (byte === ESC) this.#state = "escape";
    else if (byte === CR) this.#state = "cr";
    else if (byte === 0xc2) this.#state = "c2";
    else if (byte === LF || byte === TAB || (byte >= 0x20 && byte !== 0x7f)) this.#put(byte);
    else this.#put(0x5e, byte ^ 0x40);
  }

  #escape(byte: number): void {
    this.#state = "ground";
    if (byte === 0x5b) {
      this.#state = "csi";
      this.#sequence = [];
    } else if (STRING_STARTS.has(byte)) {
      this.#state = "string";
    } else if (byte >= 0x20 && byte <= 0x2f) {
      this.#state = "escape";
    } else if (byte < 0x20 || byte > 0x7e) {
      this.#ground(byte);
    }
  }

  #csi(byte: number): void {
    const isParameter = (byte >= 0x30 && byte <= 0x3b) || byte === 0x20;
    if (byte >= 0x40 && byte <= 0x7e) {
      this.#state = "ground";
      const isColour = byte === 0x6d && this.#sequence.every((part) => part >= 0x30 && part <= 0x3b);
      if (isColour) this.#put(ESC, 0x5b, ...this.#sequence, byte);
    } else if (byte < 0x20 || byte > 0x7e) {
      this.#state = "ground";
      this.#ground(byte);
    } else if (this.#sequence.length < MAX_SEQUENCE) {
      this.#sequence.push(isParameter ? byte : NOT_SGR);
    } else {
      this.#sequence[0] = NOT_SGR;
    }
  }

  /** An unterminated string ends with its line: what follows stays visible. */
  #endString(byte: number): void {
    this.#state = "ground";
    if (byte === LF) this.#put(LF);
  }

  #put(...bytes: number[]): void {
    if (this.#length + bytes.length > this.#out.length) {
      const larger = new Uint8Array(this.#out.length * 2);
      larger.set(this.#out.subarray(0, this.#length));
      this.#out = larger;
    }
    for (const byte of bytes) {
      this.#out[this.#length] = byte;
      this.#length += 1;
    }
  }
}

const ESC = 0x1b;
const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const BEL = 0x07;
/** Longest SGR sequence that is kept, in parameter bytes. */
const MAX_SEQUENCE = 64;
/** Stands for a byte that no SGR sequence has. */
const NOT_SGR = 0x3f;
/** `ESC ]`, `ESC P`, `ESC X`, `ESC ^`, `ESC _`: OSC, DCS, SOS, PM, APC. */
const STRING_STARTS: ReadonlySet<number> = new Set([0x5d, 0x50, 0x58, 0x5e, 0x5f]);

function isPlain(chunk: Uint8Array): boolean {
  for (let i = 0; i < chunk.length; i += 1) {
    const byte = chunk[i]!;
    if (byte === 0xc2 || byte === 0x7f || (byte < 0x20 && byte !== LF && byte !== TAB)) return false;
  }
  return true;
}
