import type { PipelineValue } from "./keywords/native.ts";
import type { ReadContext } from "./shape.ts";

/** What a job that starts a pipeline can have: it runs nothing itself. */
const ALLOWED = new Set(
  "trigger stage extends needs rules only except when start_in allow_failure variables inherit parallel interruptible resource_group".split(
    " ",
  ),
);

/** Refuses the keys of jobs that run something in those that start a pipeline. */
export function checkTriggers(jobs: PipelineValue["values"]["jobs"], { report }: ReadContext): void {
  for (const { value: job } of jobs?.values() ?? []) {
    if (!job?.keySpans.has("trigger")) continue;
    for (const [key, span] of job.keySpans) {
      if (ALLOWED.has(key)) continue;
      const message = `a job that starts a pipeline has no "${key.slice(0, 80)}"`;
      report.error("CONFIG_TRIGGER", span, message, "write it in the jobs of that pipeline");
    }
  }
}
