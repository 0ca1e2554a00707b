/** A sleep that may be ended early. A wake-up that comes while nobody sleeps counts for the next sleep. */
export class Wakeable {
  #isWoken = false;
  #end: () => void = () => {};
  #later: ReturnType<typeof setTimeout> | undefined;

  /** At once, or in `delayMs`, so that many wake-ups become one. */
  wake(delayMs = 0): void {
    if (delayMs > 0) {
      this.#later ??= setTimeout(() => this.wake(), delayMs);
      return;
    }
    clearTimeout(this.#later);
    this.#later = undefined;
    this.#isWoken = true;
    this.#end();
  }

  /** True: it was woken; false: the time has passed. */
  async sleep(ms: number): Promise<boolean> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#end = () => {};
    }
    const wasWoken = this.#isWoken;
    this.#isWoken = false;
    return wasWoken;
  }
}
