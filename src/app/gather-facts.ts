import { CicdError } from "../errors/cicd-error.ts";
import type { Facts, FactsWanted } from "../pipeline/facts.ts";
import type { Job, Pipeline, Variables } from "../pipeline/pipeline.ts";
import { createPlan, type PlanResult } from "../plan/create-plan.ts";
import { triggerVariables } from "../plan/predefined.ts";
import type { PullRequest } from "../plan/repository-event.ts";
import type { Source } from "../run/workspace.ts";
import { type LocalVariables, NO_LOCAL_VARIABLES } from "./local-variables.ts";
import type { LoadedFile } from "./run-request.ts";

/** Where a plan finds what its rules look at; asked only for what is reached. */
export interface FactsAtHand {
  predefined: Readonly<Record<string, string>>;
  /** `base` "": the default one. Null: not known. */
  changed(base: string): Promise<readonly string[] | null>;
  files(): Promise<readonly string[]>;
  /** Of the user's project; none on a server. */
  project: Variables;
  /** Names of the secrets that are set and may be given to a run. */
  secrets(): Promise<readonly string[]>;
}

export interface FactsOptions {
  trigger: string;
  executor: string;
  pullRequest?: PullRequest;
  /** As a server knows it; else the repository is asked. */
  defaultBranch?: string | null;
  /** What an event changed, where the source cannot tell. */
  changed?: () => Promise<readonly string[] | null>;
  /** Asked where there are rules; left out: none is known. */
  secretNames?: (repositoryKey: string) => Promise<readonly string[]>;
  local?: LocalVariables;
}

export async function factsOfSource(source: Source, options: FactsOptions): Promise<FactsAtHand> {
  const { trigger, executor, pullRequest, local = NO_LOCAL_VARIABLES } = options;
  const { branch, tag, commit, commitMessage, repo } = source.source;
  const defaultBranch = options.defaultBranch ?? (await source.defaultBranch());
  return {
    predefined: triggerVariables({
      ...{ trigger, executor, pullRequest, branch, tag, commit, commitMessage, defaultBranch },
      repoName: repo.name,
    }),
    changed(base) {
      if (tag !== null || trigger === "schedule") return Promise.resolve(null);
      if (base === "" && options.changed !== undefined) return options.changed();
      return source.changedPaths(base === "" ? null : base);
    },
    files: () => source.listFiles(""),
    project: local.plain,
    async secrets() {
      if (pullRequest?.isFork === true) return [];
      return [...local.secrets.keys(), ...((await options.secretNames?.(repo.key)) ?? [])];
    },
  };
}

/** Of files that are in no tree, or in one that lies elsewhere. */
export function factsWithoutSource(
  files: readonly LoadedFile[],
  { trigger, executor, local = NO_LOCAL_VARIABLES }: FactsOptions,
): FactsAtHand {
  const nothing = { branch: null, tag: null, commit: null, commitMessage: null, defaultBranch: null };
  return {
    predefined: triggerVariables({ ...nothing, trigger, executor, pullRequest: undefined, repoName: "" }),
    changed: () => Promise.resolve(null),
    files: () => Promise.resolve(files.map(({ file }) => file)),
    project: local.plain,
    secrets: () => Promise.resolve([...local.secrets.keys()]),
  };
}

/** Whether a plan of it can depend on more than the file. */
export function asksForFacts({ workflow, jobs }: Pipeline): boolean {
  const hasRules = ({ rules, trigger }: Job) =>
    rules !== undefined || (trigger !== undefined && asksForFacts(trigger.child));
  return workflow.rules !== undefined || jobs.some(hasRules);
}

const MAX_ROUNDS = 4;

export interface PlanRequest {
  jobs?: string[];
  stage?: string;
  /** Manual jobs that start in their turn. */
  manual?: string[];
  variables: Record<string, string>;
  pullRequest?: PullRequest;
}

/** Plans, fetching what the rules ask for until nothing is wanted. Throws what fetching throws. */
export async function planWithFacts(
  pipeline: Pipeline,
  { jobs, stage, manual, variables, pullRequest }: PlanRequest,
  at: FactsAtHand,
): Promise<PlanResult> {
  const { predefined, project } = at;
  const asksForImages = pipeline.jobs.some(({ image }) => image?.name.includes("$") === true);
  const secrets = asksForFacts(pipeline) || asksForImages ? await at.secrets() : [];
  let facts: Facts = { predefined, project, secrets, run: variables, changed: {}, files: null };
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const result = createPlan(pipeline, {
      facts,
      ...(jobs === undefined ? {} : { jobs }),
      ...(stage === undefined ? {} : { stage }),
      ...(manual === undefined ? {} : { manual }),
      ...(pullRequest === undefined ? {} : { pullRequest }),
    });
    if (result.wanted === null) return result;
    facts = await withWanted(facts, result.wanted, at);
  }
  throw new CicdError("CONFIG_INVALID", "the rules ask for more and more of what changed", {
    hint: "compare with fewer bases",
  });
}

async function withWanted(facts: Facts, wanted: FactsWanted, at: FactsAtHand): Promise<Facts> {
  const changed = { ...facts.changed };
  for (const base of wanted.changed) changed[base] = await at.changed(base);
  return { ...facts, changed, files: wanted.files ? await at.files() : facts.files };
}
