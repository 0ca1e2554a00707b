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
} from "../keywords/native.ts";
import type {
  AllowFailure,
  Artifacts,
  Image,
  Job,
  Need,
  Pipeline,
  RetryPolicy,
  Variables,
} from "../pipeline.ts";
import { placeOf, type Span } from "../source.ts";
import { buildOn } from "./build-on.ts";

type Defaults = NonNullable<PipelineValue["values"]["default"]>["values"];

/** The pipeline of a file without errors: defaults applied, words of YAML turned into the model's. */
export function buildPipeline(value: PipelineValue): Pipeline {
  const { name, stages, on, variables, jobs, default: defaults } = value.values;
  return {
    form: "native",
    name: name?.value ?? "",
    stages: stages?.map((stage) => stage.value) ?? [...DEFAULT_STAGES],
    on: buildOn(on),
    workflow: { name: undefined, rules: undefined },
    variables: plainVariables(variables),
    jobs: [...(jobs ?? [])].map(([jobName, job]) =>
      buildJob(jobName, job.value!, job.keySpan, defaults?.values ?? {}),
    ),
  };
}

function buildJob(name: string, job: JobValue, keySpan: Span, defaults: Defaults): Job {
  const own = job.values;
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
    dependencies: undefined,
    rules: undefined,
    implicitNoMergeRequest: false,
    parallel: undefined,
    when: own.when ?? "on_success",
    allowFailure: own.allow_failure === undefined ? undefined : buildAllowFailure(own.allow_failure),
    artifacts: artifacts === undefined ? undefined : buildArtifacts(artifacts),
    variables: plainVariables(own.variables),
    inheritVariables: true,
    timeoutMs: own.timeout ?? defaults.timeout ?? DEFAULT_TIMEOUT_MS,
    retry: buildRetry(own.retry ?? defaults.retry),
    tags: [...new Set(own.tags ?? defaults.tags ?? [])],
    interruptible: own.interruptible ?? defaults.interruptible ?? false,
    at: placeOf(keySpan),
  };
}

function buildImage({ values }: ImageValue): Image {
  return {
    name: values.name ?? "",
    entrypoint: values.entrypoint,
    pullPolicy: values.pull_policy ?? "if-not-present",
  };
}

function buildNeed({ values, span }: NeedValue): Need {
  return {
    job: values.job?.value ?? "",
    artifacts: values.artifacts ?? true,
    optional: values.optional ?? false,
    matrix: undefined,
    at: placeOf(values.job?.span ?? span),
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

function plainVariables(variables: Map<string, { value: string | undefined }> | undefined): Variables {
  return Object.fromEntries([...(variables ?? [])].map(([name, { value }]) => [name, value ?? ""]));
}
