import { CicdError } from "../errors/cicd-error.ts";
import type { AllowFailure, When } from "../pipeline/pipeline.ts";
import { type ManualGate, manualGates } from "../plan/manual-gates.ts";
import { startOrder } from "../plan/order.ts";
import type { Plan } from "../plan/plan.ts";
import type { App } from "./app.ts";
import { asksForFacts, type FactsAtHand, factsOfSource, factsWithoutSource } from "./gather-facts.ts";
import { loadFile, loadFromDisk, loadPipelines, openSource } from "./load-pipelines.ts";
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
    ? [await loadFile(app, file, request, signal)]
    : ((await loadFromDisk(app, request, signal)) ?? (await loadPipelines(app, request, signal)).files);
  if (files.some(({ pipeline }) => pipeline === undefined)) return { kind: "invalid", files };
  const taken = takeByHand(files, request.pipeline !== undefined || file !== undefined);
  const warnings = taken.note === undefined ? [] : [taken.note];
  const facts = await factsFor(app, taken.files, request, signal);
  const { plans, warnings: doubts } = await planFiles(taken.files, request, facts);
  return { kind: "planned", plans, warnings: [...warnings, ...doubts] };
}

/** The tree is opened only where rules look at it. */
async function factsFor(
  app: App,
  files: LoadedFile[],
  request: Omit<RunRequest, "executor" | "trigger">,
  signal: AbortSignal,
): Promise<FactsAtHand> {
  const options = { trigger: "cli", executor: request.imageRequired ? "docker" : "shell" };
  if (!files.some(({ pipeline }) => pipeline !== undefined && asksForFacts(pipeline)))
    return factsWithoutSource(files, options);
  try {
    return await factsOfSource(await openSource(app, request, signal), files, options);
  } catch (error) {
    const isLone = error instanceof CicdError && error.code === "GIT_NOT_A_REPOSITORY";
    if (!isLone) throw error;
    return factsWithoutSource(files, options);
  }
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
