import type { Writable } from "node:stream";
import { type ConsolaInstance, createConsola, LogLevels, type LogType } from "consola/core";
import type { Style } from "./render/style.ts";

export interface OutputOptions {
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  style: { out: Style; err: Style };
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  /** stderr is a terminal that understands cursor movement. */
  canRepaint: boolean;
}

/** Results go to `out`, text about progress to `err`. A reader that has gone away is no error: the rest is dropped. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly canRepaint: boolean;
  readonly style: { out: Style; err: Style };
  private readonly closing = new AbortController();
  private readonly logger: ConsolaInstance;
  private showLine = (line: string): void => void this.err(line);
  private readonly pending = new Set<Promise<void>>();

  constructor(private readonly options: OutputOptions) {
    ({ json: this.json, quiet: this.quiet, verbose: this.verbose, style: this.style } = options);
    this.canRepaint = options.canRepaint;
    this.logger = createConsola({
      level: options.json ? LogLevels.silent : options.quiet ? LogLevels.warn : LogLevels.info,
      throttle: 0,
      reporters: [{ log: ({ type, args }) => this.showLine(this.toLine(type, args.join(" "))) }],
    });
    options.stdout.on("error", () => this.closing.abort());
    options.stderr.on("error", () => {});
  }

  /** Aborts when nobody reads stdout any more. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  get isTerminal(): { stdout: boolean; stderr: boolean } {
    return { stdout: this.options.stdout.isTTY === true, stderr: this.options.stderr.isTTY === true };
  }

  /** Of the terminal that progress is shown on. */
  get size(): { columns: number; rows: number } {
    const { stdout, stderr } = this.options;
    const terminal = stderr.isTTY ? stderr : stdout;
    return { columns: terminal.columns || 80, rows: terminal.rows || 24 };
  }

  out(text: string | Uint8Array): Promise<void> {
    return this.write(this.options.stdout, text);
  }

  err(text: string): Promise<void> {
    return this.write(this.options.stderr, text);
  }

  printJson(value: unknown): Promise<void> {
    return this.out(`${JSON.stringify(value)}\n`);
  }

  /** A line about progress, not shown with `--json` or `--quiet`. */
  note(text: string): void {
    this.logger.info(text);
  }

  warn(text: string): void {
    this.logger.warn(text);
  }

  /** Has notes and warnings shown by whoever paints the screen, whole lines, until disposed. */
  divertNotes(show: (line: string) => void): Disposable {
    const before = this.showLine;
    this.showLine = show;
    return {
      [Symbol.dispose]: () => {
        this.showLine = before;
      },
    };
  }

  /** Settles when everything written so far has been taken, or nobody takes it any more. */
  async flush(): Promise<void> {
    await Promise.all(this.pending);
  }

  private toLine(type: LogType, text: string): string {
    return type === "warn" ? `${this.style.err.yellow("warning:")} ${text}\n` : `${text}\n`;
  }

  private write(stream: Writable, text: string | Uint8Array): Promise<void> {
    if (text.length === 0 || stream.destroyed || stream.errored) return Promise.resolve();
    const written = new Promise<void>((resolve) => {
      stream.write(text, () => resolve());
    });
    this.pending.add(written);
    void written.finally(() => this.pending.delete(written));
    return written;
  }
}
