import { DEFAULT_TIMEOUT_MS, type DefaultsValue, type JobValue } from "../keywords/native.ts";
import type { Job, Pipeline } from "../pipeline.ts";
import { placeOf, type Span } from "../source.ts";
import {
  buildAllowFailure,
  buildArtifacts,
  buildCaches,
  buildEnvironment,
  buildImage,
  buildNeed,
  buildRetry,
  buildRule,
  buildService,
  buildTrigger,
  buildVariables,
} from "./build-values.ts";

export interface JobContext {
  defaults: DefaultsValue;
  /** The stage of a job that names none. */
  stage: string;
  /** Of a job that has none. */
  defaultImage: string | undefined;
  /** The pipelines that trigger jobs start, by the job's name. */
  children: ReadonlyMap<string, Pipeline>;
}

function defaultImageOf({ values }: JobValue, { defaultImage }: JobContext): Job["image"] {
  if (defaultImage === undefined || values.trigger !== undefined) return undefined;
  return { ...DEFAULT_IMAGE, name: defaultImage };
}

const DEFAULT_IMAGE: Omit<NonNullable<Job["image"]>, "name"> = {
  entrypoint: undefined,
  pullPolicy: "if-not-present",
};

/** A job that has been read without errors, with what it takes of `default`. */
export function buildJob(name: string, job: JobValue, keySpan: Span, context: JobContext): Job {
  const own = job.values;
  const inherited = takenDefaults(job, context.defaults);
  const taken = own.trigger === undefined ? inherited : defaultsOfTriggers(inherited);
  const image = own.image ?? taken.image;
  const artifacts = own.artifacts ?? taken.artifacts;
  const tags = own.tags ?? taken.tags;
  return {
    name,
    stage: own.stage?.value ?? context.stage,
    image: image === undefined ? defaultImageOf(job, context) : buildImage(image),
    beforeScript: own.before_script ?? taken.before_script ?? [],
    script: own.script ?? [],
    afterScript: own.after_script ?? taken.after_script ?? [],
    needs: own.needs?.map(buildNeed),
    dependencies: own.dependencies?.map(({ value }) => value),
    rules: own.rules?.map(buildRule),
    implicitNoMergeRequest: false,
    parallel: own.parallel,
    when: own.when ?? "on_success",
    startInMs: own.start_in,
    allowFailure: buildAllowFailure(own.allow_failure),
    artifacts: artifacts === undefined ? undefined : buildArtifacts(artifacts),
    services: (own.services ?? taken.services)?.map(buildService) ?? [],
    caches: buildCaches(own.cache ?? taken.cache),
    secrets: own.secrets === undefined ? [] : [...new Set(own.secrets)],
    environment: own.environment === undefined ? undefined : buildEnvironment(own.environment),
    coverage: own.coverage,
    resourceGroup: own.resource_group,
    preGetSources: (own.hooks ?? taken.hooks)?.values.pre_get_sources_script ?? [],
    trigger: own.trigger && buildTrigger(own.trigger, context.children.get(name)!),
    variables: buildVariables(own.variables),
    inheritVariables: own.inherit?.values.variables ?? true,
    timeoutMs: own.timeout ?? taken.timeout ?? DEFAULT_TIMEOUT_MS,
    retry: buildRetry(own.retry ?? taken.retry),
    tags: tags === undefined ? [] : [...new Set(tags)],
    interruptible: own.interruptible ?? taken.interruptible ?? false,
    at: placeOf(keySpan),
  };
}

/** What `inherit` lets through. */
export function takenDefaults(job: JobValue, defaults: DefaultsValue): DefaultsValue {
  const inherited = job.values.inherit?.values.default ?? true;
  if (inherited === true) return defaults;
  if (inherited === false) return {};
  return Object.fromEntries(
    Object.entries(defaults).filter(([key]) => (inherited as string[]).includes(key)),
  );
}

/** Of the keys of `default`, a job that starts a pipeline can have this one. */
function defaultsOfTriggers({ interruptible }: DefaultsValue): DefaultsValue {
  return interruptible === undefined ? {} : { interruptible };
}
