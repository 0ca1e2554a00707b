import type { Output } from "../output.ts";
import { widthOf } from "../render/text.ts";

const BEGIN_UPDATE = "\x1b[?2026h";
const END_UPDATE = "\x1b[?2026l";

/** A block of lines at the bottom of the terminal that is painted again and again, with permanent lines above it. */
export class LiveScreen {
  private painted: string[] = [];

  constructor(private readonly output: Output) {}

  /** `permanent` stays, whole lines; `block` is gone with the next call. */
  paint(permanent: string, block: string[]): void {
    const same = block.length === this.painted.length && block.every((line, at) => line === this.painted[at]);
    if (same && permanent === "") return;
    const lines = block.map((line) => `${line}\n`).join("");
    const text = `${this.erase()}${permanent}${lines}`;
    this.painted = block;
    void this.output.err(`${BEGIN_UPDATE}${text}${END_UPDATE}`);
  }

  /** Back to the start of the block; a terminal that became narrower has wrapped its lines. */
  private erase(): string {
    const { columns } = this.output.size;
    const rows = this.painted.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return rows === 0 ? "" : `\x1b[${rows}A\r\x1b[J`;
  }
}
