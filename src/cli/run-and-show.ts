import { driveRuns } from "../app/drive-runs.ts";
import { readRun } from "../app/find-run.ts";
import { playJobs } from "../app/play-jobs.ts";
import type { RunJson } from "../app/shapes.ts";
import { EXIT } from "../errors/codes.ts";
import { askWhatToStart, mayAsk } from "./ask-what-to-start.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import { exitStatusOf, type ShownRun, showRuns } from "./show-runs.ts";
import { chooseView } from "./view/choose-view.ts";
import { warnOfWaiting } from "./warn-of-waiting.ts";

type Context = Pick<CommandContext<FlagDefs>, "app" | "config" | "output" | "interrupts" | "service">;

const NOTES = ["canceling, Ctrl-C again to kill", "killing"];

/**
 * Drives runs of this process to their end and shows them meanwhile. The first interrupt cancels them, the second kills. Where one
 * comes to wait for manual jobs and somebody is at the terminal, asks whether to start them. Returns the exit status of all of
 * them together.
 */
export async function runAndShow(context: Context, runs: ShownRun[]): Promise<number> {
  const ended = await driveAndShow(context, runs);
  for (const [index, { id, named }] of runs.entries()) {
    for (;;) {
      const played = await askToPlay(context, ended[index]!);
      if (played === undefined) break;
      const { afterEvent } = played;
      ended.splice(index, 1, ...(await driveAndShow(context, [{ id, named, afterEvent }])));
    }
  }
  return context.interrupts.wasInterrupted ? EXIT.interrupted : exitStatusOf(ended);
}

/** Undefined: nothing is to be started, or nobody can be asked. */
async function askToPlay({ app, config, output, interrupts }: Context, run: RunJson) {
  if (run.awaits.length === 0 || !mayAsk(output) || interrupts.wasInterrupted) return undefined;
  const jobs = await askWhatToStart(output, run, interrupts.signal);
  if (jobs.length === 0) return undefined;
  const options = { jobs, actor: config.actor };
  return playJobs(app, await readRun(app, run.id), options, interrupts.signal);
}

async function driveAndShow(context: Context, runs: ShownRun[]): Promise<RunJson[]> {
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
  const over = new AbortController();
  const ids = runs.map(({ id }) => id);
  const driving = driveRuns(app, ids, options, cancel.signal).catch((error: unknown) => {
    stopShowing.abort();
    throw error;
  });
  const service = await context.service();
  for (const id of ids) void warnOfWaiting(service, output, id, over.signal);
  const showing = showRuns({ service, output, view }, runs, stopShowing.signal);
  const [driven, shown] = await Promise.allSettled([driving, showing]);
  over.abort();
  if (driven.status === "rejected") throw driven.reason;
  if (shown.status === "rejected") throw shown.reason;
  return shown.value;
}
