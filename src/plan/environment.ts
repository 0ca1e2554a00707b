import type { Variable, Variables } from "../pipeline/pipeline.ts";
import { environmentVariables } from "./environment-keyword.ts";
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
  /** Of the dotenv reports of the jobs whose artifacts it gets, not to be expanded. */
  dotenv?: Variables;
  /** The values of secrets that the job is given, not to be expanded. */
  secrets: Variables;
  /** Where the job finds the file of a variable. */
  filePath: (name: string) => string;
  /** In hex. */
  sha256: (text: string) => string;
}

/** `files`: what the files hold that variables name. */
export interface JobEnvironment {
  variables: Record<string, string>;
  files: { name: string; text: string }[];
}

/**
 * The environment of a job. Precedence: run (`--var`) > secrets and the project's > dotenv > job > pipeline > predefined; a level replaces
 * the whole variable. Predefined values are never expanded: a commit message may hold anything.
 * https://docs.gitlab.com/ci/variables/predefined_variables/
 */
export function jobEnvironment(job: PlannedJob, plan: Plan, context: EnvironmentContext): JobEnvironment {
  const own: Variables = {
    ...inheritedVariables(job, plan.variables.global),
    ...job.variables,
    ...context.dotenv,
    ...plan.variables.project,
    ...context.secrets,
    ...plan.variables.run,
  };
  const values = withPaths(own, context.filePath);
  const known = predefinedVariables(job, plan, context);
  const predefined =
    job.environment === null ? known : environmentVariables(job.environment, values, known, context.sha256);
  return {
    variables: { ...predefined, ...expandVariables(values, predefined) },
    files: filesOf(own, values, predefined),
  };
}

const isFile = (variable: Variable) => typeof variable === "object" && variable.file === true;

/** A variable that is a file holds its path, for those that refer to it as well. */
function withPaths(variables: Variables, filePath: (name: string) => string): Variables {
  const names = Object.keys(variables).filter((name) => isFile(variables[name]!));
  if (names.length === 0) return variables;
  const paths = names.map((name) => [name, { value: filePath(name), expand: false }]);
  return { ...variables, ...Object.fromEntries(paths) };
}

function filesOf(
  own: Variables,
  values: Variables,
  predefined: Record<string, string>,
): JobEnvironment["files"] {
  if (own === values) return [];
  const names = Object.keys(own).filter((name) => isFile(own[name]!));
  return names.map((name) => {
    const expanded = expandVariables({ ...values, [name]: own[name]! }, predefined);
    return { name, text: expanded[name]! };
  });
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
