import type { Execution, ExecutionResult } from "../../run/executor.ts";

/** An attempt that ended before its script ran, with nothing left behind. `lines`: what its log shows of that. */
export function settledExecution(result: ExecutionResult, lines: readonly string[] = []): Execution {
  return {
    logs: bytesOf(lines),
    result: Promise.resolve(result),
    collect: async ({ paths }) => ({ unmatched: paths }),
    kill: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

async function* bytesOf(lines: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const line of lines) yield new TextEncoder().encode(line);
}
