/**
 * Reads keys at the terminal, without Enter and without showing them, until one of them means something; other keys pass.
 * Ctrl-C comes as the key `\x03` meanwhile, not as a signal. Undefined where the terminal has gone away or `signal` aborts.
 * The terminal is left as it was.
 */
export async function readKey<T>(
  meanings: Readonly<Record<string, T>>,
  signal: AbortSignal,
): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const { stdin } = process;
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const giveUp = () => resolve(undefined);
  const take = (bytes: Buffer) => {
    const key = [...bytes.toString("latin1")].find((each) => Object.hasOwn(meanings, each));
    if (key !== undefined) resolve(meanings[key]);
  };
  stdin.on("data", take).on("end", giveUp).on("error", giveUp);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    stdin.setRawMode(true);
    stdin.resume();
    return await promise;
  } catch {
    return undefined;
  } finally {
    signal.removeEventListener("abort", giveUp);
    stdin.off("data", take).off("end", giveUp);
    stdin.pause();
    restore(stdin);
  }
}

function restore(stdin: NodeJS.ReadStream): void {
  try {
    stdin.setRawMode(false);
  } catch {
    // It has gone away.
  }
}
