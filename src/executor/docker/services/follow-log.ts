import type { Readable } from "node:stream";
import { callEngine, type Engine } from "../connection.ts";
import { readFrames } from "../frames.ts";

/** As in GitLab: a job that sets it to `true` shows what its services print. */
export const SHOWS_SERVICES = "CI_DEBUG_SERVICES";
/** Of one service: more is left out, so that it does not drown the job's own output. */
const MAX_CHARS = 1024 * 1024;
const MAX_LINE = 4096;

/**
 * Tells each line that a started service prints, from its first on, until its container ends or the signal aborts. Never rejects: it
 * is for people, and the job does not depend on it.
 */
export async function followLog(
  engine: Engine,
  { id, title }: { id: string; title: string },
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const stream = (await callEngine(engine, {
      path: `/containers/${id}/logs?`,
      method: "GET",
      options: { stdout: true, stderr: true, follow: true },
      isStream: true,
      statusCodes: { 200: true },
    })) as Readable;
    const stop = () => void stream.destroy();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) return;
      for await (const line of linesOf(stream)) tell(`[${title}] ${line}`);
    } finally {
      signal.removeEventListener("abort", stop);
      stream.destroy();
    }
  } catch {
    // The container is gone, or the engine: whoever runs the job meets the same.
  }
}

async function* linesOf(stream: Readable): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let chars = 0;
  for await (const bytes of readFrames(stream)) {
    const text = decoder.decode(bytes, { stream: true });
    chars += text.length;
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (rest.length > MAX_LINE) lines.push(rest.slice(0, MAX_LINE));
    rest = rest.length > MAX_LINE ? rest.slice(MAX_LINE) : rest;
    for (const line of lines) yield printable(line);
    if (chars > MAX_CHARS)
      return yield `it printed more than ${MAX_CHARS} characters: the others are not shown`;
  }
  if (rest !== "") yield printable(rest);
}

function printable(line: string): string {
  return line.replace(/\p{Cc}+/gu, " ").trimEnd();
}
