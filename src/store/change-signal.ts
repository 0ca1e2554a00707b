/** Tells this process's own listeners that something changed: once per turn of the event loop, however much did. */
export class ChangeSignal implements Disposable {
  readonly #listeners = new Set<() => void>();
  #pending = false;

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: () => void): Disposable {
    const own = () => listener();
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  emit(): void {
    if (this.#pending || !this.hasListeners) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
  }
}
