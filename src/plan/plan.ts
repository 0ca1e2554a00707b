import type { AllowFailure, Artifacts, Image, RetryPolicy, When } from "../pipeline/pipeline.ts";
import type { PullRequest } from "./repository-event.ts";

/**
 * What a run will do: the DAG of jobs with everything resolved that does not depend on the moment of running. Plain
 * JSON: it is stored with the run and read back by whoever drives it.
 */
export interface Plan {
  pipeline: string;
  /** Only stages that have jobs, in running order. */
  stages: string[];
  /** Ordered by stage, then by the file. */
  jobs: PlannedJob[];
  /** Why a job of the file is not in the run (`--job`, `--stage`, later rules). */
  leftOut: { job: string; reason: string }[];
  /** Pipeline-level variables, then those of `--var`; see `jobEnvironment` for the precedence. */
  variables: { global: Record<string, string>; run: Record<string, string> };
  /** Only of runs of a pull request. `isFork`: what it runs need not be trusted. */
  pullRequest?: PullRequest;
}

export interface PlannedJob {
  name: string;
  stage: string;
  /** Index into `Plan.stages`. */
  stageIndex: number;
  image: Image | null;
  beforeScript: string[];
  script: string[];
  afterScript: string[];
  /** Null: all jobs of earlier stages (stage order). A list: exactly these (DAG), `[]` at once. */
  needs: string[] | null;
  /** Jobs whose artifacts are laid into the workspace, in plan order: later ones win. */
  artifactsFrom: string[];
  when: When;
  allowFailure: AllowFailure;
  artifacts: Artifacts | null;
  variables: Record<string, string>;
  timeoutMs: number;
  retry: RetryPolicy;
  /** Only workers that carry all of these labels take it; a local run passes them over. */
  tags: string[];
  /** A newer run of the same branch may cancel it. */
  interruptible: boolean;
}
