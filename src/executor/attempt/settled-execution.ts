import type { Execution, ExecutionResult } from "../../run/executor.ts";

/** An attempt that ended before anything ran, with nothing left behind. */
export function settledExecution(result: ExecutionResult): Execution {
  return {
    logs: nothing(),
    result: Promise.resolve(result),
    collect: async ({ paths }) => ({ unmatched: paths }),
    kill: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
