import { buildOn } from "./build-on.ts";
import {
  type AllowFailureValue,
  type ArtifactsValue,
  DEFAULT_STAGES,
  DEFAULT_TIMEOUT_MS,
  type ImageValue,
  type JobValue,
  type NeedValue,
  type PipelineValue,
  type RetryValue,
} from "./keywords.ts";
import type { AllowFailure, Artifacts, Image, Job, Need, Pipeline, RetryPolicy, When } from "./pipeline.ts";
import { positionOf, type Span } from "./source.ts";

type Defaults = NonNullable<PipelineValue["values"]["default"]>["values"];

/** The pipeline of a file without errors: defaults applied, words of YAML turned into the model's. */
export function buildPipeline(value: PipelineValue): Pipeline {
  const { name, stages, on, variables, jobs, default: defaults } = value.values;
  return {
    name: name?.value ?? "",
    stages: stages?.map((stage) => stage.value) ?? [...DEFAULT_STAGES],
    on: buildOn(on),
    variables: plainVariables(variables),
    jobs: [...(jobs ?? [])].map(([jobName, job]) =>
      buildJob(jobName, job.value!, job.keySpan, defaults?.values ?? {}),
    ),
  };
}

function buildJob(name: string, job: JobValue, keySpan: Span, defaults: Defaults): Job {
  const own = job.values;
  const when: When = own.when ?? "on_success";
  const image = own.image ?? defaults.image;
  const artifacts = own.artifacts ?? defaults.artifacts;
  return {
    name,
    stage: own.stage?.value ?? "",
    image: image === undefined ? undefined : buildImage(image),
    beforeScript: own.before_script ?? defaults.before_script ?? [],
    script: own.script ?? [],
    afterScript: own.after_script ?? defaults.after_script ?? [],
    needs: own.needs?.map(buildNeed),
    when,
    allowFailure: own.allow_failure === undefined ? when === "manual" : buildAllowFailure(own.allow_failure),
    artifacts: artifacts === undefined ? undefined : buildArtifacts(artifacts),
    variables: plainVariables(own.variables),
    timeoutMs: own.timeout ?? defaults.timeout ?? DEFAULT_TIMEOUT_MS,
    retry: buildRetry(own.retry ?? defaults.retry),
    tags: [...new Set(own.tags ?? defaults.tags ?? [])],
    interruptible: own.interruptible ?? defaults.interruptible ?? false,
    line: positionOf(keySpan.source, keySpan.start).line,
  };
}

function buildImage({ values }: ImageValue): Image {
  return {
    name: values.name ?? "",
    entrypoint: values.entrypoint,
    pullPolicy: values.pull_policy ?? "if-not-present",
  };
}

function buildNeed({ values }: NeedValue): Need {
  return {
    job: values.job?.value ?? "",
    artifacts: values.artifacts ?? true,
    optional: values.optional ?? false,
  };
}

function buildAllowFailure(value: AllowFailureValue): AllowFailure {
  return typeof value === "boolean" ? value : { exitCodes: value.values.exit_codes ?? [] };
}

function buildArtifacts({ values }: ArtifactsValue): Artifacts {
  const expiry = values.expire_in;
  return {
    paths: values.paths ?? [],
    exclude: values.exclude ?? [],
    when: values.when ?? "on_success",
    name: values.name,
    expireInMs: expiry === "never" ? undefined : expiry,
  };
}

function buildRetry(retry: RetryValue | undefined): RetryPolicy {
  return {
    max: (retry?.values.max ?? 0) as RetryPolicy["max"],
    when: retry?.values.when ?? [],
    exitCodes: retry?.values.exit_codes ?? [],
  };
}

function plainVariables(
  variables: Map<string, { value: string | undefined }> | undefined,
): Record<string, string> {
  return Object.fromEntries([...(variables ?? [])].map(([name, { value }]) => [name, value ?? ""]));
}
