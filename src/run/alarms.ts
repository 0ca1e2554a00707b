import type { EpochMs } from "./records.ts";

/**
 * Rings at the moments it was told, by this host's clock: where the database's is another, whoever waits finds by polling what is
 * due there.
 */
export class Alarms implements Disposable {
  readonly #ring: () => void;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** A moment that has passed rings soon. At most three weeks ahead. */
  set(moment: EpochMs): void {
    const ring = () => {
      this.#timers.delete(timer);
      this.#ring();
    };
    const timer = setTimeout(ring, Math.max(0, moment - Date.now()));
    this.#timers.add(timer);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
