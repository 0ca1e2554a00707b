import { driveRuns } from "../app/drive-runs.ts";
import { EXIT } from "../errors/codes.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import { exitStatusOf, type ShownRun, showRuns } from "./show-runs.ts";
import { chooseView } from "./view/choose-view.ts";

type Context = Pick<CommandContext<FlagDefs>, "app" | "config" | "output" | "interrupts" | "service">;

const NOTES = ["canceling, Ctrl-C again to kill", "killing"];

/**
 * Drives runs of this process to their end and shows them meanwhile. The first interrupt cancels them, the second kills.
 * Returns the exit status of all of them together.
 */
export async function runAndShow(context: Context, runs: ShownRun[]): Promise<number> {
  const { app, config, output, interrupts } = context;
  const view = chooseView(output);
  const cancel = new AbortController();
  const kill = new AbortController();
  using _listening = interrupts.listen((count) => {
    const note = NOTES[count - 1];
    if (note !== undefined) view.tell(note);
    if (count === 1) cancel.abort();
    else kill.abort();
  });
  if (interrupts.wasInterrupted) cancel.abort();
  const { maxParallelJobs, graceMs, logLimitBytes } = config;
  const options = { maxParallelJobs, graceMs, logLimitBytes, kill: kill.signal };
  const stopShowing = new AbortController();
  const ids = runs.map(({ id }) => id);
  const driving = driveRuns(app, ids, options, cancel.signal).catch((error: unknown) => {
    stopShowing.abort();
    throw error;
  });
  const showing = showRuns({ service: await context.service(), output, view }, runs, stopShowing.signal);
  const [driven, shown] = await Promise.allSettled([driving, showing]);
  if (driven.status === "rejected") throw driven.reason;
  if (shown.status === "rejected") throw shown.reason;
  return interrupts.wasInterrupted ? EXIT.interrupted : exitStatusOf(shown.value);
}
