import type { LogPiece } from "../../app/follow-log.ts";
import type { Output } from "../output.ts";
import { LogLines } from "../render/log-lines.ts";
import { printable } from "../render/text.ts";

/**
 * Prints pieces of logs to stdout at the reader's speed. Of one job: the bytes as they are stored where colours are
 * wanted; of several: whole lines with `[job] ` before them.
 */
export class LogPrinter {
  private readonly logs = new Map<string, { job: string; lines: LogLines }>();
  private readonly decoders = new Map<string, TextDecoder>();

  constructor(
    private readonly output: Output,
    private readonly options: { withPrefix: boolean },
  ) {}

  async print(piece: LogPiece): Promise<void> {
    if (this.output.json) return this.printJson(piece);
    const key = `${piece.attempt} ${piece.job}`;
    const lines = this.logs.get(key)?.lines ?? new LogLines(this.output.style.out.isColored);
    this.logs.set(key, { job: piece.job, lines });
    await this.write(piece.job, lines.push(piece.bytes));
  }

  async end(): Promise<void> {
    for (const { job, lines } of this.logs.values()) await this.write(job, lines.end());
  }

  private async write(job: string, lines: string[]): Promise<void> {
    const prefix = this.options.withPrefix ? this.output.style.out.cyan(`[${printable(job)}] `) : "";
    await this.output.out(lines.map((line) => `${prefix}${line}\n`).join(""));
  }

  private async printJson({ job, attempt, offset, bytes }: LogPiece): Promise<void> {
    const key = `${attempt} ${job}`;
    const decoder = this.decoders.get(key) ?? new TextDecoder();
    this.decoders.set(key, decoder);
    const text = decoder.decode(bytes, { stream: true });
    await this.output.printJson({ type: "job.log", job, attempt, offset, text });
  }
}
