import type { AllowFailure, When } from "../pipeline/pipeline.ts";
import { type ManualGate, manualGates } from "../plan/manual-gates.ts";
import { startOrder } from "../plan/order.ts";
import type { Plan } from "../plan/plan.ts";
import type { App } from "./app.ts";
import { loadFile, loadFromDisk, loadPipelines } from "./load-pipelines.ts";
import { planFiles } from "./prepare-runs.ts";
import type { LoadedFile, RunRequest } from "./run-request.ts";
import { takeByHand } from "./take-by-hand.ts";

/** `dryrun --json`, of one pipeline. */
export interface DryRunJson {
  pipeline: string;
  stages: { name: string; jobs: DryRunJob[] }[];
  /** Why a job of the file is not in the run. */
  leftOut: { job: string; reason: string }[];
  /** Names of the jobs that may start together, step by step. */
  order: string[][];
}

export interface DryRunJob {
  name: string;
  image: string | null;
  needs: string[];
  /** It starts as soon as its needs have ended; false: after all earlier stages. */
  byNeeds: boolean;
  script: string[];
  when: When;
  allowFailure: AllowFailure;
  /** What manual jobs before it do to it; null where there are none. */
  gate: ManualGate | null;
}

export type DryRuns =
  | { kind: "planned"; plans: Plan[]; warnings: string[] }
  | { kind: "invalid"; files: LoadedFile[] };

/** What a run with the same request would do, nothing started or stored. Throws as `prepareRuns` does. */
export async function dryRun(
  app: App,
  request: Omit<RunRequest, "executor" | "trigger">,
  signal: AbortSignal,
): Promise<DryRuns> {
  const { file, branch, commit } = request;
  const isLoneFile = file !== undefined && branch === undefined && commit === undefined;
  const files = isLoneFile
    ? [await loadFile(app, file, request)]
    : ((await loadFromDisk(app, request, signal)) ?? (await loadPipelines(app, request, signal)).files);
  if (files.some(({ pipeline }) => pipeline === undefined)) return { kind: "invalid", files };
  const taken = takeByHand(files, request.pipeline !== undefined || file !== undefined);
  const warnings = taken.note === undefined ? [] : [taken.note];
  return { kind: "planned", plans: planFiles(taken.files, request), warnings };
}

export function toDryRunJson(plan: Plan): DryRunJson {
  const gates = manualGates(plan);
  return {
    pipeline: plan.pipeline,
    stages: plan.stages.map((name, stageIndex) => ({
      name,
      jobs: plan.jobs
        .filter((job) => job.stageIndex === stageIndex)
        .map((job) => ({
          name: job.name,
          image: job.image?.name ?? null,
          needs: job.needs ?? [],
          byNeeds: job.needs !== null,
          script: [...job.beforeScript, ...job.script],
          when: job.when,
          allowFailure: job.allowFailure,
          gate: gates.get(job.name) ?? null,
        })),
    })),
    leftOut: plan.leftOut.map(({ job, reason }) => ({ job, reason })),
    order: startOrder(plan),
  };
}
