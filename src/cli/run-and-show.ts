import { driveRuns } from "../app/drive-runs.ts";
import { followRun } from "../app/follow-run.ts";
import { type JobJson, type RunJson, toRunJson } from "../app/shapes.ts";
import { awaitedJobs, unstartedJobs } from "../app/unstarted-jobs.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { EXIT } from "../errors/codes.ts";
import { TERMINAL_JOB_STATES } from "../run/records.ts";
import type { RunDetail } from "../run/store.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import type { Output } from "./output.ts";
import { printable, shellWord } from "./render/text.ts";
import { chooseView } from "./view/choose-view.ts";
import type { RunView } from "./view/run-view.ts";

type Context = Pick<CommandContext<FlagDefs>, "app" | "config" | "output" | "interrupts">;

/** A run of this process; `afterEvent`: only what happens after it is shown (a retry). */
export interface DrivenRun {
  id: string;
  afterEvent: number;
  /** The jobs that `--job` names. */
  named: string[];
}

/**
 * Drives runs of this process to their end and shows them meanwhile. The first interrupt cancels them, the second kills.
 * Returns the exit status of all of them together.
 */
export async function runAndShow(context: Context, runs: DrivenRun[]): Promise<number> {
  const { app, config, output, interrupts } = context;
  const view = chooseView(output);
  const cancel = new AbortController();
  const kill = new AbortController();
  using _listening = interrupts.listen((count) => {
    view.interrupted(count);
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
  const showing = showAll(context, runs, view, stopShowing.signal);
  const [driven, shown] = await Promise.allSettled([driving, showing]);
  if (driven.status === "rejected") throw driven.reason;
  if (shown.status === "rejected") throw shown.reason;
  return interrupts.wasInterrupted ? EXIT.interrupted : exitStatusOf(shown.value);
}

/** Shows one run after the other, each to its end, until `stop` aborts. */
async function showAll(
  { app, output }: Pick<Context, "app" | "output">,
  runs: DrivenRun[],
  view: RunView,
  stop: AbortSignal,
): Promise<RunJson[]> {
  const store = await app.store();
  const ended: RunJson[] = [];
  for (const { id, afterEvent, named } of runs) {
    const before = await store.readRun(id);
    if (before === undefined)
      throw new CicdError("NOT_FOUND", "the run has been deleted while it was running");
    const done = before.jobs.filter((job) => TERMINAL_JOB_STATES.has(job.state)).map((job) => job.name);
    view.begin(before.run, afterEvent === 0 ? [] : done);
    for await (const item of followRun(store, id, { logs: true, afterEvent }, stop)) await view.take(item);
    stop.throwIfAborted();
    const after = await store.readRun(id);
    if (after === undefined)
      throw new CicdError("NOT_FOUND", "the run has been deleted while it was running");
    const json = toRunJson(after, app.now());
    await view.end(json);
    await tellUnstarted(output, after, named);
    ended.push(json);
  }
  return ended;
}

/** What was asked for and did not happen is said even with `--quiet`; how to start what the run waits for, without it. */
async function tellUnstarted(output: Output, detail: RunDetail, named: string[]): Promise<void> {
  const { pipeline, number } = detail.run;
  for (const { why } of unstartedJobs(detail, named)) await output.err(`${printable(why)}\n`);
  for (const job of awaitedJobs(detail)) {
    const words = ["cicd", "retry", "-p", pipeline, "--run", String(number), "--job", job];
    output.note(`start ${printable(job)} with: ${words.map(shellWord).map(printable).join(" ")}`);
  }
}

/**
 * A failed run outweighs a canceled one; a run that waits for a manual job has not failed. When nothing but the machine
 * failed (every failed job is a `runner_system_failure`), that is said as such.
 */
function exitStatusOf(runs: RunJson[]): number {
  const failed = runs.filter(({ status }) => status === "failed");
  if (failed.length > 0) {
    const isOutside = failed
      .flatMap(failedJobs)
      .every(({ failureReason }) => failureReason === "runner_system_failure");
    return isOutside ? EXIT.outside : EXIT.failed;
  }
  return runs.some(({ status }) => status === "canceled") ? EXIT.canceled : EXIT.success;
}

function failedJobs(run: RunJson): JobJson[] {
  const jobs = run.stages.flatMap((stage) => stage.jobs);
  return jobs.filter((job) => job.status === "failed" && !job.allowFailure);
}
