import { checkJobs } from "../check-jobs.ts";
import { checkTriggers } from "../check-triggers.ts";
import {
  EDGE_STAGES,
  GITLAB_PIPELINE,
  GITLAB_STAGES,
  type GitlabValue,
  TOP_LEVEL_DEFAULTS,
} from "../keywords/gitlab.ts";
import type { Entry, MapNode, Node } from "../node.ts";
import type { Pipeline } from "../pipeline.ts";
import type { ReadContext, Shape } from "../shape.ts";
import { buildJob, type JobContext } from "./build-job.ts";
import { buildOn } from "./build-on.ts";
import { buildOptions, buildVariables, buildWorkflow } from "./build-values.ts";
import type { Front } from "./front.ts";
import { namedSecrets, namesReferredTo } from "./named-secrets.ts";
import { onlyExceptRules } from "./only-except.ts";

/** All pipelines of this form have this name: runs are numbered by it. */
export const GITLAB_NAME = "gitlab-ci";

const DEFAULT_STAGE = "test";
const OWN_KEYS = new Set(["stages", "variables", "workflow", "include", "default"]);

/** `.gitlab-ci.yml`: jobs stand at the top, and so do some keys of `default`. */
export const GITLAB: Front = {
  shape: topLevel(),
  read(document, { imageRequired, defaultImage, children }, context) {
    const name = { value: GITLAB_NAME, span: document.span };
    const lax = { ...context, lax: true };
    const value = GITLAB_PIPELINE.read(regroup(document as MapNode, context), lax);
    if (value === undefined) return { name, pipeline: undefined };
    const options = { imageRequired, stages: GITLAB_STAGES, edges: EDGE_STAGES, stage: DEFAULT_STAGE };
    checkJobs(value, options, context);
    checkTriggers(value.values.jobs, context);
    checkOnlyExcept(value, context);
    return {
      name,
      pipeline: context.report.hasErrors ? undefined : buildGitlab(value, { children, defaultImage }),
    };
  },
};

/** For overrides: every key that is none of the language's is a job. */
function topLevel(): Shape<unknown> {
  const below = GITLAB_PIPELINE.child!;
  const { keys: _keys, ...shape } = GITLAB_PIPELINE;
  return {
    ...shape,
    ownKeys: OWN_KEYS.union(TOP_LEVEL_DEFAULTS),
    child: (key) => {
      if (OWN_KEYS.has(key)) return below(key);
      return TOP_LEVEL_DEFAULTS.has(key) ? below("default")!.child!(key) : below("jobs")!.child!(key);
    },
  };
}

/** The document with its jobs under `jobs` and defaults under `default`; templates are gone. Nodes keep their places. */
function regroup(document: MapNode, context: ReadContext): Node {
  const top = new Map<string, Entry>();
  const jobs = new Map<string, Entry>();
  const defaults = new Map<string, Entry>();
  for (const [key, entry] of document.entries) {
    if (OWN_KEYS.has(key)) top.set(key, entry);
    else if (TOP_LEVEL_DEFAULTS.has(key)) defaults.set(key, entry);
    else if (isJob(key, entry, context)) jobs.set(key, entry);
  }
  if (defaults.size > 0) top.set("default", mergedDefaults(document, defaults, context));
  const keySpan = document.span;
  top.set("jobs", { keySpan, value: { kind: "map", span: firstSpan(document), entries: jobs } });
  return { ...document, entries: top };
}

function firstSpan(document: MapNode) {
  return document.entries.values().next().value?.keySpan ?? document.span;
}

function isJob(key: string, { value, keySpan }: Entry, { report, suggester }: ReadContext): boolean {
  if (key.startsWith(".")) return false;
  if (key === "pages") {
    const message = 'the job "pages" publishes nothing here: it runs and its artifacts are kept';
    report.warning(
      "GITLAB_LEFTOVER",
      keySpan,
      message,
      "publish them in its script, or leave it out by rules",
    );
  }
  if (value.kind === "map" || value.kind === "broken") return true;
  const known = [...OWN_KEYS, ...TOP_LEVEL_DEFAULTS];
  const hint = suggester.hint(key, known) ?? "a job is a mapping with script";
  report.error("CONFIG_UNKNOWN_KEY", keySpan, `unknown key "${key.slice(0, 80)}"`, hint);
  return false;
}

function mergedDefaults(document: MapNode, global: Map<string, Entry>, { report }: ReadContext): Entry {
  const own = document.entries.get("default");
  const value = own?.value.kind === "map" ? own.value : undefined;
  for (const [key, { keySpan }] of global) {
    if (value?.entries.has(key) !== true) continue;
    const message = `"${key}" stands here and under "default"`;
    report.error("CONFIG_DUPLICATE_KEY", keySpan, message, 'keep the one under "default"');
  }
  const { keySpan } = own ?? global.values().next().value!;
  const entries = new Map([...global, ...(value?.entries ?? [])]);
  return { keySpan, value: { kind: "map", span: value?.span ?? keySpan, entries } };
}

/** A job is decided on by rules or by the older words, never by both. */
function checkOnlyExcept({ values }: GitlabValue, { report }: ReadContext): void {
  for (const { value: job } of values.jobs?.values() ?? []) {
    if (!job?.keySpans.has("rules")) continue;
    for (const key of ["only", "except"]) {
      const span = job.keySpans.get(key);
      if (span === undefined) continue;
      report.error("CONFIG_ONLY_EXCEPT", span, `"${key}" stands beside "rules"`, "keep the rules alone");
    }
  }
}

function buildGitlab(value: GitlabValue, given: Pick<JobContext, "children" | "defaultImage">): Pipeline {
  const { stages, workflow, variables, jobs, default: defaults } = value.values;
  const context = { defaults: defaults?.values ?? {}, stage: DEFAULT_STAGE, ...given };
  const named = stages?.map((stage) => stage.value) ?? GITLAB_STAGES;
  const built = buildWorkflow(workflow);
  const global = buildVariables(variables);
  const referred = namesReferredTo(global);
  return {
    form: "gitlab",
    name: GITLAB_NAME,
    stages: [EDGE_STAGES[0]!, ...named.filter((stage) => !EDGE_STAGES.includes(stage)), EDGE_STAGES[1]!],
    on: buildOn(["push", "tag", "pull_request", "manual"]),
    workflow: built,
    variables: global,
    ...buildOptions(variables),
    jobs: [...(jobs ?? [])].map(([jobName, { value: job, keySpan }]) => {
      const { only, except } = job!.values;
      const rules = onlyExceptRules(only, except, built.rules !== undefined);
      const plain = buildJob(jobName, job!, keySpan, context);
      const isImplicit = plain.rules === undefined && rules === undefined && built.rules === undefined;
      const secrets = namedSecrets(plain, referred);
      const inferred = secrets.length === 0 ? {} : { secrets, secretsInferred: true as const };
      return { ...plain, ...inferred, rules: plain.rules ?? rules, implicitNoMergeRequest: isImplicit };
    }),
  };
}
