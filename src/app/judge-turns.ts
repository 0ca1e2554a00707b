/** A file whose judging takes longer is followed by a pause as long as it took, up to the longest. */
const SHORT_MS = 20;
const LONGEST_PAUSE_MS = 500;

/**
 * Judging a large file occupies the whole process for up to a second, in which no lease is renewed and nobody answered. So
 * one file is judged at a time, whoever asks for it, and the others have their say between two of them.
 */
export class JudgeTurns {
  #last: Promise<void> = Promise.resolve();

  /** The result of `judge`, once it is its turn. Throws the signal's reason where it is aborted by then. */
  async take<T>(judge: () => T, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    const startedAt = performance.now();
    try {
      signal?.throwIfAborted();
      return judge();
    } finally {
      const tookMs = performance.now() - startedAt;
      setTimeout(resolve, tookMs < SHORT_MS ? 0 : Math.min(LONGEST_PAUSE_MS, tookMs));
    }
  }
}
