import type { RunState } from "../../run/run-state.ts";
import type { JobLine, RunLine } from "../../run/store.ts";
import { isDirty, positionsOf } from "../lines.ts";

export function runLineOf({ run }: RunState): RunLine {
  return {
    ...pick(run, ["number", "status", "warnings", "createdAt", "startedAt", "busyMs", "busySince"]),
    ...pick(run.source, ["branch", "commit"]),
    dirty: isDirty(run.source.dirty),
  };
}

export function jobLinesOf({ run, jobs }: RunState, of: { stage: string; job?: string }): JobLine[] {
  return positionsOf(run.plan, of).map((index) => ({
    ...pick(run, ["number", "mode", "executor", "plan"]),
    ...pick(jobs[index]!, ["index", "state", "allowed", "failureReason", "exitCode", "attempt"]),
    ...pick(jobs[index]!, ["cancelRequested", "startedAt", "finishedAt"]),
  }));
}

function pick<T, K extends keyof T>(record: T, keys: K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, record[key]])) as Pick<T, K>;
}
