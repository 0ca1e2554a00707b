import type { Facts } from "../pipeline/facts.ts";
import type { Variables } from "../pipeline/pipeline.ts";
import { type Candidate, knownVariables, type RunContext } from "./candidates.ts";
import { expandReferences } from "./expand.ts";
import { type ByOrigin, neededBy } from "./needs.ts";
import type { PlannedJob } from "./plan.ts";
import type { PlanNote } from "./plan-note.ts";
import { plannedImages } from "./planned-images.ts";
import { plannedGroup } from "./resource-group.ts";
import type { PlanProblem } from "./select-jobs.ts";

interface Included {
  included: readonly Candidate[];
  /** All that the rules let into the run. */
  inRun: ByOrigin;
  /** Only those that have jobs. */
  stages: readonly string[];
  /** Of the pipeline, with those of the workflow's rule. */
  variables: Variables;
  facts: Facts;
  /** Names of `--job` and `--manual`. */
  named: readonly string[];
}

/** The jobs of a run in its order: by stage, then by the file. */
export function planJobs(options: Included): {
  jobs: PlannedJob[];
  notes: PlanNote[];
  problems: PlanProblem[];
} {
  const { included, inRun, stages, variables, facts } = options;
  const stageIndex = new Map(stages.map((stage, index) => [stage, index]));
  const indexOf = ({ job }: Candidate) => stageIndex.get(job.stage)!;
  const ordered = [...included].sort((a, b) => indexOf(a) - indexOf(b));
  const position = new Map(ordered.map(({ name }, index) => [name, index]));
  const suppliers = ordered.filter(({ job }) => job.artifacts !== undefined);
  const earlier = stages.map((_, stage) => suppliers.filter((one) => indexOf(one) < stage));
  const namesOfEarlier = earlier.map((list) => list.map(({ name }) => name));
  const named = new Set(options.named);
  const notes: PlanNote[] = [];
  const problems: PlanProblem[] = [];
  const planned = ordered.map((candidate): PlannedJob => {
    const { job, name, when } = candidate;
    const needs = resolveNeeds(candidate, inRun, position);
    const isNamed = named.has(name) || named.has(job.name);
    return {
      name,
      origin: job.name,
      at: job.at,
      node: candidate.node,
      why: candidate.why,
      stage: job.stage,
      stageIndex: indexOf(candidate),
      ...plannedImages(candidate, variables, facts, notes),
      beforeScript: job.beforeScript,
      script: job.script,
      afterScript: job.afterScript,
      needs: needs && [...needs.keys()].map((needed) => needed.name),
      artifactsFrom:
        needs === null && job.dependencies === undefined
          ? namesOfEarlier[indexOf(candidate)]!
          : supplying(candidate, needs, earlier[indexOf(candidate)]!, position),
      when: when === "manual" && isNamed ? "on_success" : when,
      startInMs: when === "delayed" ? (candidate.startInMs ?? null) : null,
      allowFailure: candidate.allowFailure,
      artifacts: job.artifacts ?? null,
      caches: job.caches,
      secrets: job.secrets,
      ...(job.secretsInferred === true ? { secretsInferred: true as const } : {}),
      environment: job.environment ?? null,
      coverage: job.coverage ?? null,
      resourceGroup: plannedGroup(candidate, { facts, variables }, problems),
      preGetSources: job.preGetSources,
      trigger: null,
      variables: candidate.variables,
      inheritVariables: job.inheritVariables,
      timeoutMs: job.timeoutMs,
      retry: job.retry,
      tags: plannedTags(candidate, { facts, variables }),
      interruptible: candidate.interruptible,
    };
  });
  return { jobs: planned, notes, problems };
}

/** With the variables that are known before the run; others stay as they are written, and no worker has such a label. */
function plannedTags(candidate: Candidate, context: Pick<RunContext, "facts" | "variables">): string[] {
  const { tags } = candidate.job;
  if (!tags.some((tag) => tag.includes("$"))) return tags;
  const known = knownVariables(candidate, context);
  const expanded = tags.map((tag) => expandReferences(tag, (name) => known.get(name)));
  return expanded.filter((tag) => tag !== "");
}

/** What it waits for and whether that hands it artifacts. Jobs that were not picked are no needs. Null: by stages. */
function resolveNeeds(
  { needs }: Candidate,
  inRun: ByOrigin,
  position: ReadonlyMap<string, number>,
): Map<Candidate, boolean> | null {
  if (needs === undefined) return null;
  const resolved = new Map<Candidate, boolean>();
  for (const need of needs) {
    for (const needed of neededBy(need, inRun)) {
      if (position.has(needed.name)) resolved.set(needed, need.artifacts || resolved.get(needed) === true);
    }
  }
  return resolved;
}

function supplying(
  { job: { dependencies } }: Candidate,
  needs: Map<Candidate, boolean> | null,
  fromEarlier: readonly Candidate[],
  position: ReadonlyMap<string, number>,
): string[] {
  const offered =
    needs === null
      ? fromEarlier
      : [...needs]
          .filter(([{ job }, artifacts]) => artifacts && job.artifacts !== undefined)
          .map(([needed]) => needed)
          .sort((a, b) => position.get(a.name)! - position.get(b.name)!);
  const taken =
    dependencies === undefined
      ? offered
      : offered.filter(({ job, name }) => dependencies.includes(job.name) || dependencies.includes(name));
  return taken.map(({ name }) => name);
}
