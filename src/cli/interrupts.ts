const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Ctrl-C and its relatives. The first one aborts `signal`; whoever wants more than that listens. Disposing gives the
 * signals back to the operating system's defaults.
 */
export class Interrupts implements Disposable {
  private readonly controller = new AbortController();
  private readonly listeners = new Set<(count: number) => void>();
  private count = 0;

  constructor() {
    for (const name of SIGNALS) process.on(name, this.receive);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get wasInterrupted(): boolean {
    return this.count > 0;
  }

  /** Called with 1 at the first interrupt, 2 at the second, and so on. */
  listen(listener: (count: number) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.listeners.delete(listener) };
  }

  private readonly receive = () => {
    this.count++;
    this.controller.abort(new Error("interrupted"));
    for (const listener of this.listeners) listener(this.count);
  };

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.receive);
  }
}
