import type { Service } from "../app/service.ts";
import type { JobJson, RunJson } from "../app/shapes.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { EXIT } from "../errors/codes.ts";
import type { Output } from "./output.ts";
import { printable, shellWord } from "./render/text.ts";
import type { RunView } from "./view/run-view.ts";

/** A run to be shown; `afterEvent`: only what happens after it is shown (a retry). */
export interface ShownRun {
  id: string;
  afterEvent: number;
  /** The jobs that `--job` names. */
  named: string[];
}

const OVER = ["success", "failed", "canceled", "skipped"];

/** Shows one run after the other, each to its end; throws the reason of `stop` when that aborts. */
export async function showRuns(
  { service, output, view }: { service: Service; output: Output; view: RunView },
  runs: ShownRun[],
  stop: AbortSignal,
): Promise<RunJson[]> {
  const ended: RunJson[] = [];
  for (const { id, afterEvent, named } of runs) {
    const before = await readRun(service, id, stop);
    const done = jobsOf(before).filter(({ status }) => OVER.includes(status));
    view.begin(before, afterEvent === 0 ? [] : done.map(({ name }) => name));
    const options = { logs: true, from: { event: afterEvent, logs: [] } };
    for await (const item of service.follow(id, options, stop)) await view.take(item);
    stop.throwIfAborted();
    const after = await readRun(service, id, stop);
    await view.end(after);
    await tellUnstarted(output, after, named);
    ended.push(after);
  }
  return ended;
}

async function readRun(service: Service, id: string, signal: AbortSignal): Promise<RunJson> {
  const run = await service.read(id, signal);
  if (run === undefined) throw new CicdError("NOT_FOUND", "the run has been deleted while it was running");
  return run;
}

/** What was asked for and did not happen is said even with `--quiet`; how to start what the run waits for, without it. */
async function tellUnstarted(output: Output, run: RunJson, named: string[]): Promise<void> {
  for (const { name, note } of jobsOf(run)) {
    if (note !== null && named.includes(name)) await output.err(`${printable(note)}\n`);
  }
  for (const job of run.awaits) {
    const words = ["cicd", "play", job, "-p", run.pipeline, "--run", String(run.number)];
    output.note(`start ${printable(job)} with: ${words.map(shellWord).map(printable).join(" ")}`);
  }
}

/**
 * A failed run outweighs a canceled one; a run that waits for a manual job has not failed. When nothing but the machine
 * failed (every failed job is a `runner_system_failure`), that is said as such.
 */
export function exitStatusOf(runs: RunJson[]): number {
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
  return jobsOf(run).filter((job) => job.status === "failed" && !job.allowFailure);
}

function jobsOf(run: RunJson): JobJson[] {
  return run.stages.flatMap((stage) => stage.jobs);
}
