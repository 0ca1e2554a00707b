const RESET = "\x1b[0m";
const SGR = /\x1b\[([0-9;:]*)m/g;
/** A line without an end is shown in pieces of at most this many characters. */
const MAX_LINE_LENGTH = 64 * 1024;
const MAX_CARRIED_LENGTH = 256;

/**
 * Cuts the log of one attempt into whole lines, so that lines of parallel jobs never mix. Colours end with their line and
 * start again on the next one; without colours they are taken out.
 */
export class LogLines {
  private readonly decoder = new TextDecoder();
  private rest = "";
  /** The colour codes in force where the last line ended. */
  private carried = "";

  constructor(private readonly isColored: boolean) {}

  /** The lines that these bytes complete, without their newlines. */
  push(bytes: Uint8Array): string[] {
    return this.cut(this.decoder.decode(bytes, { stream: true }));
  }

  /** What is left at the end of the log. */
  end(): string[] {
    const lines = this.cut(this.decoder.decode());
    if (this.rest === "") return lines;
    const last = this.finish(this.rest);
    this.rest = "";
    return [...lines, last];
  }

  private cut(text: string): string[] {
    const parts = (this.rest + text).split("\n");
    this.rest = parts.pop() ?? "";
    const lines = parts.map((line) => this.finish(line));
    while (this.rest.length > MAX_LINE_LENGTH) {
      lines.push(this.finish(this.rest.slice(0, MAX_LINE_LENGTH)));
      this.rest = this.rest.slice(MAX_LINE_LENGTH);
    }
    return lines;
  }

  private finish(raw: string): string {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (!this.isColored) return line.includes("\x1b") ? line.replace(SGR, "") : line;
    if (this.carried === "" && !line.includes("\x1b")) return line;
    const start = this.carried;
    for (const [code, parameters] of line.matchAll(SGR)) {
      const isReset = parameters === undefined || /^0*$/.test(parameters);
      this.carried = isReset ? "" : (this.carried + code).slice(-MAX_CARRIED_LENGTH);
    }
    return `${start}${line}${RESET}`;
  }
}
