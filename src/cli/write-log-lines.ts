import type { Log } from "../app/log-line.ts";
import type { Output } from "./output.ts";
import { printable } from "./render/text.ts";

/** Log lines on stderr: with `--json` one object each, else a line for people; with `--quiet` only what is amiss. */
export function writeLogLines(output: Output, now: () => number): Log {
  return ({ level, event, text, fields }) => {
    if (output.quiet && level === "info") return;
    const at = new Date(now()).toISOString();
    const line = output.json
      ? JSON.stringify({ at, level, event, text, ...fields })
      : `${at} ${level} ${printable(text)}`;
    void output.err(`${line}\n`);
  };
}
