import type { Point } from "../plan/describe-job.ts";
import type { RuleTrace } from "../plan/plan.ts";
import type { StatusWord } from "./shapes.ts";

/** `planned`, `left_out`, `no_run`: of a plan, or of a job that is not in the run. */
export type ExplainedState = StatusWord | "planned" | "left_out" | "no_run";

/** Why one job would run or not, or of a recorded run: why it is as it is. */
export interface ExplainedJobJson {
  job: string;
  state: ExplainedState;
  /** In one sentence: `"deploy" was skipped: "compile" failed`. */
  verdict: string;
  /** The rules of the job that were looked at. */
  rules: RuleTrace[];
  /** Everything that bears on it, in words, the rules as well. */
  points: Point[];
}

/** `run` null: what would be, were the pipeline run now. `jobs`: more than one where `parallel` makes several of it. */
export interface ExplanationJson {
  pipeline: string;
  run: { id: string; number: number; status: StatusWord } | null;
  jobs: ExplainedJobJson[];
}
