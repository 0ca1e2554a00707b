import { createInterface } from "node:readline";
import type { RunJson } from "../app/shapes.ts";
import type { Output } from "./output.ts";
import { printable } from "./render/text.ts";

/** Somebody is there to answer. */
export function mayAsk(output: Output): boolean {
  return process.stdin.isTTY && output.isTerminal.stderr && !output.json && !output.quiet;
}

/**
 * Asks at the terminal which of the manual jobs that a run waits for are to be started: all, none, or those named. None where the
 * terminal goes away or `signal` aborts.
 */
export async function askWhatToStart(
  output: Output,
  { pipeline, awaits }: Pick<RunJson, "pipeline" | "awaits">,
  signal: AbortSignal,
): Promise<string[]> {
  const names = awaits.map(printable).join(", ");
  const choice = awaits.length === 1 ? "[y]es [n]o" : "[y]es [n]o, or a name";
  for (;;) {
    await output.err(`${printable(pipeline)}: start ${names}? ${choice} `);
    const answer = (await readLine(signal))?.trim();
    if (answer === undefined || ["", "n", "no"].includes(answer.toLowerCase())) return [];
    if (awaits.includes(answer)) return [answer];
    if (["y", "yes"].includes(answer.toLowerCase())) return awaits;
    const wanted = answer.split(/[\s,]+/);
    if (wanted.every((name) => awaits.includes(name))) return wanted;
    await output.err(`there is no ${printable(answer)} among them\n`);
  }
}

/** Ctrl-C stays a signal meanwhile. Undefined: the end of input, or `signal` aborted. */
async function readLine(signal: AbortSignal): Promise<string | undefined> {
  if (signal.aborted) return undefined;
  const lines = createInterface({ input: process.stdin, terminal: false });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const giveUp = () => resolve(undefined);
  lines.once("line", resolve).once("close", giveUp);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
    lines.close();
    process.stdin.pause();
  }
}
