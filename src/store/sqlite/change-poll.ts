import { ChangeSignal } from "../change-signal.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** Tells listeners of this process's commits at once, and of other processes' by asking `PRAGMA data_version`. */
export class ChangePoll implements Disposable {
  readonly #connection: SqliteConnection;
  readonly #pollMs: number;
  readonly #signal = new ChangeSignal();
  #timer: ReturnType<typeof setInterval> | undefined;
  #seen = 0;

  constructor(connection: SqliteConnection, pollMs: number) {
    this.#connection = connection;
    this.#pollMs = pollMs;
  }

  watch(listener: () => void): Disposable {
    const added = this.#signal.add(listener);
    this.#start();
    return {
      [Symbol.dispose]: () => {
        added[Symbol.dispose]();
        if (!this.#signal.hasListeners) this.#stop();
      },
    };
  }

  emit(): void {
    this.#signal.emit();
  }

  [Symbol.dispose](): void {
    this.#signal[Symbol.dispose]();
    this.#stop();
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#seen = this.#version() ?? 0;
    this.#timer = setInterval(() => this.#look(), this.#pollMs);
    this.#timer.unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const version = this.#version();
    if (version === undefined || version === this.#seen) return;
    this.#seen = version;
    this.#signal.emit();
  }

  /** Undefined where the file cannot be read just now: only a hint is late then. */
  #version(): number | undefined {
    try {
      return this.#connection.get<{ data_version: number }>("PRAGMA data_version")?.data_version;
    } catch {
      return undefined;
    }
  }
}
