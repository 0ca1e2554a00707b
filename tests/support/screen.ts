/**
 * What a terminal shows: characters, newlines, carriage returns, cursor up and erase below, which is all that the live
 * view uses; anything else it was sent is in `unknown`. Lines never wrap here, so a line that is too wide shows as such.
 */
export class Screen {
  readonly unknown: string[] = [];
  private readonly lines: string[] = [""];
  private rest = "";
  private row = 0;
  private column = 0;

  /** A sequence may be cut in two between calls. */
  write(text: string): void {
    const all = this.rest + text;
    this.rest = /\x1b(\[[?0-9;]*)?$/.exec(all)?.[0] ?? "";
    const whole = all.slice(0, all.length - this.rest.length);
    for (const [part] of whole.matchAll(/\x1b\[[?0-9;]*[A-Za-z]|\x1b.|[\x00-\x1f]|[^\x00-\x1f]+/gs))
      this.take(part);
  }

  /** The lines, without trailing blanks and empty lines at the end. */
  toString(): string {
    return this.lines
      .map((line) => line.trimEnd())
      .join("\n")
      .trimEnd();
  }

  private take(part: string): void {
    const up = /^\x1b\[(\d+)A$/.exec(part);
    if (up !== null) this.row = Math.max(0, this.row - Number(up[1]));
    else if (part === "\x1b[J") this.eraseBelow();
    else if (part === "\n") this.moveTo(this.row + 1);
    else if (part === "\r") this.column = 0;
    else if (/^\x1b\[([0-9;]*m|\?2026[hl])$/.test(part)) return;
    else if (/^[\x00-\x1f]/.test(part)) this.unknown.push(part);
    else this.put(part);
  }

  private put(text: string): void {
    const line = (this.lines[this.row] ?? "").padEnd(this.column);
    this.lines[this.row] = line.slice(0, this.column) + text + line.slice(this.column + text.length);
    this.column += text.length;
  }

  private moveTo(row: number): void {
    this.row = row;
    while (this.lines.length <= row) this.lines.push("");
  }

  private eraseBelow(): void {
    this.lines.splice(this.row + 1);
    this.lines[this.row] = (this.lines[this.row] ?? "").slice(0, this.column);
  }
}
