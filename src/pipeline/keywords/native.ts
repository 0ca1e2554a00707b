import { foreignJobKey, foreignTopKey } from "../foreign-keys.ts";
import { list, located, type Shape } from "../shape.ts";
import { object } from "../shape-object.ts";
import { artifacts } from "./artifacts.ts";
import { cache, cacheKey } from "./cache.ts";
import { environment } from "./environment.ts";
import { type allowFailure, retry } from "./failure.ts";
import { hooks } from "./hooks.ts";
import { image } from "./image.ts";
import { inherit, job, shared } from "./job.ts";
import { jobsOf } from "./jobs.ts";
import { passOver } from "./leftovers.ts";
import { need } from "./needs.ts";
import { ON_KEYWORDS, on } from "./on.ts";
import { PARALLEL_KEYS } from "./parallel.ts";
import { reports } from "./reports.ts";
import { rule, workflow, workflowRule } from "./rules.ts";
import { healthcheck, service } from "./services.ts";
import { spent } from "./spent.ts";
import { forward, type trigger } from "./trigger.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { name } from "./values.ts";
import { VARIABLE_KEYS, type VariableValue, variables } from "./variables.ts";

/** The native file. Whoever adds a keyword adds it here or in `job.ts`, in `front/` and in `docs/pipeline.md`. */

export const DEFAULT_STAGES = ["build", "test", "doc", "deploy"];
export const DEFAULT_TIMEOUT_MS = 3_600_000;
export const MAX_JOBS = 10_000;
export const MAX_NEEDS = 1000;

export const defaults = object(shared, {
  noun: "a mapping with image, timeout, ...",
  elsewhere: foreignJobKey,
  onUnknown: (key, value, span, context) =>
    (context.lax === true && passOver("default")(key, value, span, context)) ||
    refuseUnsupported("default")(key, value, span, context),
});

/** The whole file. */
export const PIPELINE = object(
  {
    name: {
      shape: located(name("the name of the pipeline")),
      about: "Name of the pipeline.",
      required: "begin with: name: my-pipeline",
    },
    stages: {
      shape: list(located(name("the name of a stage")), { noun: "a list of stages", atLeast: 1 }),
      about: "The stages in running order. Default: build, test, doc, deploy.",
    },
    on: { shape: on, about: "What makes a run of it. Default: [manual, push]." },
    include: {
      shape: spent("include", { type: ["string", "array", "object"] }),
      about: "Files of the repository that this one is made of, too.",
    },
    workflow: { shape: workflow, about: "Whether there is a run at all." },
    variables: { shape: variables, about: "Environment variables of all jobs." },
    default: { shape: defaults, about: "What jobs use where they lack the key." },
    jobs: {
      shape: jobsOf(job, { example: "hello: { stage: build, script: echo hello }", skipped: "^\\." }),
      about: "The jobs by name.",
      required: "add jobs: with at least one job",
    },
  },
  { noun: "a mapping with name and jobs", elsewhere: foreignTopKey },
);

/** Keys by the mapping they stand in, for the tests of schema and documentation. */
export const KEYWORDS = {
  pipeline: PIPELINE.keys!,
  job: job.keys!,
  default: Object.keys(shared),
  image: image.keys!,
  service: service.keys!,
  healthcheck: healthcheck.keys!,
  hooks: hooks.keys!,
  artifacts: artifacts.keys!,
  reports: reports.keys!,
  cache: cache.keys!,
  cache_key: cacheKey.keys!,
  retry: retry.keys!,
  need: need.keys!,
  rule: rule.keys!,
  workflow: workflow.keys!,
  workflow_rule: workflowRule.keys!,
  parallel: PARALLEL_KEYS,
  inherit: inherit.keys!,
  trigger: job.child!("trigger")!.keys!,
  forward: forward.keys!,
  environment: environment.keys!,
  variable: VARIABLE_KEYS,
  ...ON_KEYWORDS,
};

type Read<S> = S extends Shape<infer T> ? T : never;
export type PipelineValue = Read<typeof PIPELINE>;
export type JobValue = Read<typeof job>;
export type ImageValue = Read<typeof image>;
export type ServiceValue = Read<typeof service>;
export type ArtifactsValue = Read<typeof artifacts>;
export type CacheValue = Read<typeof cache>;
export type RetryValue = Read<typeof retry>;
export type NeedValue = Read<typeof need>;
export type OnValue = Read<typeof on>;
export type DefaultsValue = Read<typeof defaults>["values"];
export type { VariableValue };
export type TriggerValue = Read<typeof trigger>;
export type RuleValue = Read<typeof rule>;
export type WorkflowValue = Read<typeof workflow>;
export type EnvironmentValue = Read<typeof environment>;
export type VariablesValue = Map<string, { value: VariableValue | undefined }>;
export type AllowFailureValue = Read<typeof allowFailure>;
