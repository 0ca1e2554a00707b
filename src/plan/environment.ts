import type { Variables } from "../pipeline/pipeline.ts";
import { expandVariables } from "./expand.ts";
import type { Plan, PlannedJob } from "./plan.ts";
import { slug, triggerVariables, withoutEmpty } from "./predefined.ts";

/** What the environment of an attempt tells about its run. Null: not known, and then the variable is absent. */
export interface EnvironmentContext {
  runNumber: number;
  runId: string;
  jobId: string;
  /** From 1. */
  attempt: number;
  /** `group/project` or a directory's name. */
  repoName: string;
  branch: string | null;
  /** Set in runs of a tag. */
  tag?: string | null;
  commit: string | null;
  commitMessage: string | null;
  /** Where the workspace is, as the job sees it. */
  projectDir: string;
  trigger: string;
  executor: string;
}

/**
 * The environment of a job. Precedence: run (`--var`) > job > pipeline > predefined; a level replaces the whole variable. Predefined values are never
 * expanded: a commit message may hold anything. https://docs.gitlab.com/ci/variables/predefined_variables/
 */
export function jobEnvironment(
  job: PlannedJob,
  plan: Plan,
  context: EnvironmentContext,
): Record<string, string> {
  const predefined = predefinedVariables(job, plan, context);
  const own = { ...inheritedVariables(job, plan.variables.global), ...job.variables, ...plan.variables.run };
  return { ...predefined, ...expandVariables(own, predefined) };
}

/** Those of the pipeline's variables that the job gets. */
export function inheritedVariables(
  { inheritVariables }: { inheritVariables: boolean | string[] },
  global: Variables,
): Variables {
  if (typeof inheritVariables === "boolean") return inheritVariables ? global : {};
  return Object.fromEntries(
    inheritVariables.flatMap((name) => (Object.hasOwn(global, name) ? [[name, global[name]!]] : [])),
  );
}

function predefinedVariables(
  job: PlannedJob,
  plan: Plan,
  context: EnvironmentContext,
): Record<string, string> {
  const { defaultBranch, source } = plan.origin;
  const { pullRequest } = plan;
  const known = triggerVariables({ ...context, tag: context.tag ?? null, defaultBranch, pullRequest });
  return withoutEmpty({
    ...known,
    CICD_ATTEMPT: String(context.attempt),
    CI_JOB_ID: context.jobId,
    CI_JOB_IMAGE: job.image?.name ?? null,
    CI_JOB_NAME: job.name,
    CI_JOB_NAME_SLUG: slug(job.name),
    CI_JOB_STAGE: job.stage,
    CI_JOB_STATUS: "running",
    CI_JOB_TIMEOUT: String(Math.ceil(job.timeoutMs / 1000)),
    CI_NODE_INDEX: job.node && String(job.node.index),
    CI_NODE_TOTAL: String(job.node?.total ?? 1),
    CI_PIPELINE_ID: context.runId,
    CI_PIPELINE_IID: String(context.runNumber),
    CI_PIPELINE_NAME: plan.pipeline,
    CI_PIPELINE_SOURCE: source ?? known.CI_PIPELINE_SOURCE ?? null,
    CI_PROJECT_DIR: context.projectDir,
  });
}
