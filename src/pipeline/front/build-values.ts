import type {
  AllowFailureValue,
  ArtifactsValue,
  CacheValue,
  ImageValue,
  NeedValue,
  RetryValue,
  RuleValue,
  VariablesValue,
  VariableValue,
  WorkflowValue,
} from "../keywords/native.ts";
import type {
  AllowFailure,
  Artifacts,
  Cache,
  Image,
  Need,
  Reports,
  RetryPolicy,
  Rule,
  Variable,
  Variables,
  Workflow,
} from "../pipeline.ts";
import { placeOf } from "../source.ts";

/** Values of keywords in the words of the model. */

export function buildImage({ values }: ImageValue): Image {
  return {
    name: values.name ?? "",
    entrypoint: values.entrypoint,
    pullPolicy: values.pull_policy ?? "if-not-present",
  };
}

export function buildNeed({ values, span }: NeedValue): Need {
  return {
    job: values.job?.value ?? "",
    artifacts: values.artifacts ?? true,
    optional: values.optional ?? false,
    matrix: values.parallel?.values.matrix,
    at: placeOf(values.job?.span ?? span),
  };
}

export function buildAllowFailure(value: AllowFailureValue | undefined): AllowFailure | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  return { exitCodes: value.values.exit_codes ?? [] };
}

export function buildArtifacts({ values }: ArtifactsValue): Artifacts {
  const { expire_in: expiry, reports } = values;
  return {
    paths: values.paths ?? [],
    exclude: values.exclude ?? [],
    when: values.when ?? "on_success",
    name: values.name,
    expireInMs: expiry === "never" ? undefined : expiry,
    ...(values.untracked === true ? { untracked: true } : {}),
    ...(reports === undefined ? {} : { reports: buildReports(reports) }),
  };
}

function buildReports({ values, others }: NonNullable<ArtifactsValue["values"]["reports"]>): Reports {
  return { junit: values.junit ?? [], dotenv: values.dotenv ?? [], others };
}

/** Without those that keep nothing. */
export function buildCaches(caches: CacheValue[]): Cache[] {
  return caches.map(buildCache).filter(({ paths, untracked }) => paths.length > 0 || untracked);
}

function buildCache({ values }: CacheValue): Cache {
  const { key = "default" } = values;
  return {
    key:
      typeof key === "string"
        ? { kind: "text", text: key }
        : { kind: "files", files: key.values.files ?? [], prefix: key.values.prefix },
    paths: values.paths ?? [],
    untracked: values.untracked ?? false,
    policy: values.policy ?? "pull-push",
    when: values.when ?? "on_success",
    fallbackKeys: values.fallback_keys ?? [],
  };
}

export function buildRetry(retry: RetryValue | undefined): RetryPolicy {
  return {
    max: (retry?.values.max ?? 0) as RetryPolicy["max"],
    when: retry?.values.when ?? [],
    exitCodes: retry?.values.exit_codes ?? [],
  };
}

export function buildVariables(variables: VariablesValue | undefined): Variables {
  return Object.fromEntries([...(variables ?? [])].map(([name, { value }]) => [name, buildVariable(value)]));
}

function buildVariable(variable: VariableValue | undefined): Variable {
  if (variable === undefined || typeof variable === "string") return variable ?? "";
  const { value = "", expand = true } = variable.values;
  return expand ? value : { value, expand: false };
}

export function buildRule({ values, span }: RuleValue): Rule {
  const { changes, exists } = values;
  return {
    if: values.if,
    changes: changes === undefined ? undefined : buildChanges(changes),
    exists: exists === undefined || Array.isArray(exists) ? exists : (exists.values.paths ?? []),
    when: values.when,
    startInMs: undefined,
    allowFailure: buildAllowFailure(values.allow_failure),
    variables: buildVariables(values.variables),
    needs: values.needs?.map(buildNeed),
    interruptible: values.interruptible,
    at: placeOf(span),
  };
}

function buildChanges(changes: NonNullable<RuleValue["values"]["changes"]>): Rule["changes"] {
  if (Array.isArray(changes)) return { paths: changes, compareTo: undefined };
  return { paths: changes.values.paths ?? [], compareTo: changes.values.compare_to };
}

export function buildWorkflow(workflow: WorkflowValue | undefined): Workflow {
  return { name: undefined, rules: workflow?.values.rules?.map(buildRule) };
}
