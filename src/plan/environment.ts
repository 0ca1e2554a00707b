import type { Variables } from "../pipeline/pipeline.ts";
import { expandVariables } from "./expand.ts";
import type { Plan, PlannedJob } from "./plan.ts";

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

/** No environment can carry a value of 128 KiB; a message that long is not the pipeline's fault. */
const MAX_MESSAGE_BYTES = 100_000;

/** The text, or its beginning: at most `MAX_MESSAGE_BYTES` of UTF-8, no character cut in two. */
function clip(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_MESSAGE_BYTES) return text;
  return new TextDecoder().decode(bytes.subarray(0, MAX_MESSAGE_BYTES), { stream: true });
}

function predefinedVariables(
  job: PlannedJob,
  plan: Plan,
  context: EnvironmentContext,
): Record<string, string> {
  const { commit, commitMessage, repoName } = context;
  const { pullRequest } = plan;
  const branch = pullRequest === undefined ? context.branch : null;
  const ref = pullRequest?.sourceBranch ?? context.tag ?? branch ?? commit;
  const variables: Record<string, string | null> = {
    CI: "true",
    CICD: "true",
    CICD_ATTEMPT: String(context.attempt),
    CICD_EXECUTOR: context.executor,
    CI_COMMIT_BRANCH: branch,
    CI_COMMIT_MESSAGE: commitMessage && clip(commitMessage),
    CI_COMMIT_REF_NAME: ref,
    CI_COMMIT_REF_SLUG: slug(ref ?? ""),
    CI_COMMIT_SHA: commit,
    CI_COMMIT_SHORT_SHA: commit?.slice(0, 8) ?? null,
    CI_COMMIT_TAG: context.tag ?? null,
    CI_COMMIT_TITLE: commitMessage && clip(commitMessage.split("\n", 1)[0]!),
    CI_JOB_ID: context.jobId,
    CI_JOB_IMAGE: job.image?.name ?? null,
    CI_JOB_NAME: job.name,
    CI_JOB_NAME_SLUG: slug(job.name),
    CI_JOB_STAGE: job.stage,
    CI_JOB_STATUS: "running",
    CI_JOB_TIMEOUT: String(Math.ceil(job.timeoutMs / 1000)),
    ...pullRequestVariables(plan),
    CI_DEFAULT_BRANCH: plan.origin.defaultBranch,
    CI_NODE_INDEX: job.node && String(job.node.index),
    CI_NODE_TOTAL: String(job.node?.total ?? 1),
    CI_PIPELINE_ID: context.runId,
    CI_PIPELINE_IID: String(context.runNumber),
    CI_PIPELINE_NAME: plan.pipeline,
    CI_PIPELINE_SOURCE: plan.origin.source ?? PIPELINE_SOURCES[context.trigger] ?? context.trigger,
    CI_PROJECT_DIR: context.projectDir,
    CI_PROJECT_NAME: repoName.split("/").at(-1) ?? repoName,
    CI_PROJECT_PATH: repoName,
    CI_PROJECT_PATH_SLUG: slug(repoName),
  };
  return Object.fromEntries(
    Object.entries(variables).filter(
      (entry): entry is [string, string] => entry[1] !== null && entry[1] !== "",
    ),
  );
}

/** GitLab's words for what it has, too; others are as in `Trigger`. */
const PIPELINE_SOURCES: Record<string, string> = { tag: "push", pull_request: "merge_request_event" };

function pullRequestVariables({ pullRequest }: Plan): Record<string, string> {
  if (pullRequest === undefined) return {};
  return {
    CI_MERGE_REQUEST_IID: String(pullRequest.number),
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: pullRequest.sourceBranch,
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: pullRequest.targetBranch,
    CI_MERGE_REQUEST_TITLE: clip(pullRequest.title),
  };
}

/** As GitLab's slugs: lower case, at most 63 characters of `0-9a-z-`, no hyphen at either end. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^0-9a-z]/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
}
