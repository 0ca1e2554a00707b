import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../app/service.ts";
import type { Output } from "./output.ts";
import { printable } from "./render/text.ts";

/** Something that is there takes a job at once, or says that it runs others. */
const FIRST_LOOK_MS = 5_000;
const LOOK_MS = 30_000;

/**
 * Warns, once per job, where a job of a run waits for what is not there, until `signal` aborts or the run is over. Never
 * throws: what is wrong is said by whoever shows the run.
 */
export async function warnOfWaiting(
  service: Service,
  output: Output,
  runId: string,
  signal: AbortSignal,
): Promise<void> {
  const warned = new Set<string>();
  try {
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = LOOK_MS) {
      await sleep(waitMs, undefined, { signal });
      const run = await service.read(runId, signal);
      if (run === undefined || run.finishedAt !== null) return;
      for (const { name, status, note, delayedUntil } of run.stages.flatMap((stage) => stage.jobs)) {
        if (status !== "pending" || note === null || delayedUntil !== null || warned.has(name)) continue;
        warned.add(name);
        output.warn(printable(note));
      }
    }
  } catch {
    // It is over, or the server is away.
  }
}
