import type { RunJson } from "../../app/shapes.ts";
import type { Output } from "../output.ts";
import {
  failedJobs,
  renderCause,
  renderLastLines,
  renderRunLine,
  renderRunSummary,
} from "../render/run-summary.ts";
import type { JobFeed } from "./job-feed.ts";

/** The failed jobs' last lines to stderr, then the summary to stdout; with `--quiet` why they failed, and one line. */
export async function printEndOfRun(output: Output, run: RunJson, feed: JobFeed): Promise<void> {
  const { out, err } = output.style;
  for (const job of failedJobs(run)) {
    await output.err(renderLastLines(job.name, feed.lastLines.of(job.name), err));
    if (output.quiet) await output.err(renderCause(job, feed.messages.get(job.name), err));
  }
  await output.flush();
  await output.out(output.quiet ? `${renderRunLine(run, out)}\n` : renderRunSummary(run, feed.messages, out));
}
