const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type InterruptSignal = (typeof SIGNALS)[number];

/** The reason of the signal: what is thrown by whoever gives up for it. */
const INTERRUPTED = new Error("interrupted");

/**
 * Ctrl-C and its relatives. The first one aborts `signal`; whoever wants more than that listens. Disposing gives the
 * signals back to the operating system's defaults.
 */
export class Interrupts implements Disposable {
  private readonly controller = new AbortController();
  private readonly listeners = new Set<(count: number, name: InterruptSignal) => void>();
  private readonly names: InterruptSignal[];
  private count = 0;
  private latest: InterruptSignal | undefined;

  constructor(options: { isHangupIgnored: boolean }) {
    this.names = SIGNALS.filter((name) => name !== "SIGHUP" || !options.isHangupIgnored);
    for (const name of this.names) process.on(name, this.receive);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get wasInterrupted(): boolean {
    return this.count > 0;
  }

  /** The newest one, unless it was forgiven. */
  get last(): InterruptSignal | undefined {
    return this.latest;
  }

  /** The user has said what is to be done instead: it counts as no interrupt any more. */
  forgive(): void {
    this.count = 0;
    this.latest = undefined;
  }

  /** True for what was thrown only because of an interrupt. */
  isCauseOf(error: unknown): boolean {
    return error === INTERRUPTED || (error instanceof Error && error.cause === INTERRUPTED);
  }

  /** Called with 1 at the first interrupt, 2 at the second, and so on. */
  listen(listener: (count: number, name: InterruptSignal) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.listeners.delete(listener) };
  }

  private readonly receive = (name: InterruptSignal) => {
    this.count++;
    this.latest = name;
    this.controller.abort(INTERRUPTED);
    for (const listener of this.listeners) listener(this.count, name);
  };

  [Symbol.dispose](): void {
    for (const name of this.names) process.off(name, this.receive);
  }
}
