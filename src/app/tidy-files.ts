import { pause } from "../run/persist.ts";
import type { App } from "./app.ts";
import { collectGarbage, KEEP_ALL } from "./gc.ts";
import type { QueueObserver } from "./queue-event.ts";

export interface TidyTimes {
  firstMs: number;
  everyMs: number;
}

export const TIDY_TIMES: TidyTimes = { firstMs: 10 * 60_000, everyMs: 24 * 3_600_000 };

/**
 * Once a day removes the files that nobody wants any more: uploads and clones that were not used for a day, artifacts that have
 * expired, what no run names. Runs stay: how long they are kept is up to whoever calls `cicd gc`. Works until the
 * signal is aborted.
 */
export async function tidyFiles(
  app: App,
  times: TidyTimes,
  observe: QueueObserver,
  signal: AbortSignal,
): Promise<void> {
  await pause(times.firstMs, signal);
  while (!signal.aborted) {
    try {
      const { files } = await collectGarbage(app, KEEP_ALL, { dryRun: false }, signal);
      if (files.bytes > 0) observe({ type: "tidied", bytes: files.bytes });
    } catch (error) {
      if (!signal.aborted) observe({ type: "trouble", doing: "tidy up the files", error });
    }
    await pause(times.everyMs, signal);
  }
}
