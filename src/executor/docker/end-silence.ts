import { settlesWithin } from "../attempt/deadline.ts";

/** What a container that ended has printed comes at once; a silence this long is a connection that nobody serves. */
const SILENCE_MS = 5_000;

/** Passes on what comes, and ends the source with itself. Throws where nothing comes for a while although the container has ended. */
export async function* endSilence(
  source: AsyncIterable<Uint8Array>,
  ended: Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = chunks.next();
      while (!(await settlesWithin(next, SILENCE_MS))) {
        if (hasEnded) throw new Error("the engine fell silent");
      }
      const { done, value } = await next;
      if (done === true) return;
      yield value;
    }
  } finally {
    // Not waited for: a source that has fallen silent may never answer.
    void Promise.resolve(chunks.return?.()).catch(() => {});
  }
}
