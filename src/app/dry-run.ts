import { CicdError } from "../errors/cicd-error.ts";
import type { AllowFailure, When } from "../pipeline/pipeline.ts";
import { type ManualGate, manualGates } from "../plan/manual-gates.ts";
import { startOrder } from "../plan/order.ts";
import type { Plan, RuleTrace } from "../plan/plan.ts";
import type { App } from "./app.ts";
import { asksForFacts, type FactsAtHand, factsOfSource, factsWithoutSource } from "./gather-facts.ts";
import { loadFile, loadFromDisk, loadPipelines, openSource } from "./load-pipelines.ts";
import { readLocalVariables } from "./local-variables.ts";
import { planFiles } from "./prepare-runs.ts";
import type { LoadedFile, PipelineSelection, RunRequest } from "./run-request.ts";
import { secretNames } from "./secrets.ts";
import { takeByHand } from "./take-by-hand.ts";

/** `dryrun --json`, of one pipeline. */
export interface DryRunJson {
  pipeline: string;
  stages: { name: string; jobs: DryRunJob[] }[];
  /** Why a job of the file is not in the run. */
  leftOut: { job: string; reason: string; rules: RuleTrace[] }[];
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
  /** Those that were looked at; the last one holds. Empty without rules. */
  rules: RuleTrace[];
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
  const files = await loadToPlan(app, request, signal);
  if (files.some(({ pipeline }) => pipeline === undefined)) return { kind: "invalid", files };
  const taken = takeByHand(files, request.pipeline !== undefined || request.file !== undefined);
  const warnings = taken.note === undefined ? [] : [taken.note];
  const facts = await factsFor(app, taken.files, request, signal);
  const { plans, warnings: doubts } = await planFiles(taken.files, request, facts);
  return { kind: "planned", plans, warnings: [...warnings, ...doubts] };
}

/** The selected files, of the working tree as they lie there where that can be. Throws as `loadPipelines`. */
export async function loadToPlan(
  app: App,
  request: PipelineSelection,
  signal: AbortSignal,
): Promise<LoadedFile[]> {
  const { file, branch, commit } = request;
  if (file !== undefined && branch === undefined && commit === undefined)
    return [await loadFile(app, file, request, signal)];
  return (await loadFromDisk(app, request, signal)) ?? (await loadPipelines(app, request, signal)).files;
}

/** The tree is opened only where rules look at it. */
export async function factsFor(
  app: App,
  files: LoadedFile[],
  request: PipelineSelection,
  signal: AbortSignal,
): Promise<FactsAtHand> {
  const options = {
    trigger: "cli",
    executor: request.imageRequired ? "docker" : "shell",
    secretNames: (key: string) => secretNames(app, key),
  };
  if (!files.some(({ pipeline }) => pipeline !== undefined && asksForFacts(pipeline)))
    return factsWithoutSource(files, options);
  try {
    const source = await openSource(app, request, signal);
    const local = await readLocalVariables(app.files, source.source.repo.key);
    return await factsOfSource(source, { ...options, local });
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
          script: [...job.preGetSources, ...job.beforeScript, ...job.script],
          when: job.when,
          allowFailure: job.allowFailure,
          gate: gates.get(job.name) ?? null,
          rules: job.why,
        })),
    })),
    leftOut: plan.leftOut.map(({ job, reason, why }) => ({ job, reason, rules: why })),
    order: startOrder(plan),
  };
}
