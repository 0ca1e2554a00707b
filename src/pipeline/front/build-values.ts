import type {
  AllowFailureValue,
  ArtifactsValue,
  CacheValue,
  EnvironmentValue,
  ImageValue,
  NeedValue,
  RetryValue,
  RuleValue,
  ServiceValue,
  TriggerValue,
  VariablesValue,
  VariableValue,
  WorkflowValue,
} from "../keywords/native.ts";
import { aliasesOf } from "../keywords/services.ts";
import type {
  AllowFailure,
  Artifacts,
  Cache,
  Environment,
  Healthcheck,
  Image,
  Need,
  Pipeline,
  PullPolicy,
  Reports,
  RetryPolicy,
  Rule,
  Service,
  TriggerJob,
  Variable,
  Variables,
  Workflow,
} from "../pipeline.ts";
import { placeOf } from "../source.ts";

/** Values of keywords in the words of the model. */

export function buildImage({ values }: Pick<ImageValue, "values">): Image {
  const { user = values.docker?.values.user, platform = values.docker?.values.platform } = values;
  const image: Image = {
    name: values.name ?? "",
    entrypoint: values.entrypoint,
    pullPolicy: pullPolicyOf(values.pull_policy),
  };
  if (user !== undefined) image.user = user;
  if (platform !== undefined) image.platform = platform;
  return image;
}

/** What trying several one after another comes to. */
function pullPolicyOf(policies: (keyof typeof PULLS)[] = ["if-not-present"]): PullPolicy {
  const [first = "if-not-present", ...others] = new Set(policies);
  return others.length === 0 ? first : PULLS[first];
}

/** With others behind it. */
const PULLS = {
  always: "always-else-present",
  "if-not-present": "if-not-present",
  never: "if-not-present",
} as const;

export function buildService({ values }: ServiceValue): Service {
  return {
    ...buildImage({ values }),
    aliases: aliasesOf(values.alias),
    command: values.command,
    variables: buildVariables(values.variables),
    healthcheck: values.healthcheck === undefined ? undefined : buildHealthcheck(values.healthcheck),
  };
}

function buildHealthcheck({ values }: NonNullable<ServiceValue["values"]["healthcheck"]>): Healthcheck {
  const { test = [] } = values;
  return {
    test: typeof test === "string" ? ["CMD-SHELL", test] : dockerTest(test),
    intervalMs: inMs(values.interval) ?? 1_000,
    timeoutMs: inMs(values.timeout) ?? 10_000,
    retries: values.retries ?? 120,
    startPeriodMs: inMs(values.start_period) ?? 0,
  };
}

/** A list without one of Docker's words in front is a command. */
function dockerTest(test: string[]): string[] {
  return ["CMD", "CMD-SHELL", "NONE"].includes(test[0]!) ? test : ["CMD", ...test];
}

function inMs(duration: number | "never" | undefined): number | undefined {
  return duration === "never" ? undefined : duration;
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
export function buildCaches(caches: CacheValue[] | undefined): Cache[] {
  if (caches === undefined) return [];
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

export function buildTrigger({ values }: TriggerValue, child: Pipeline): TriggerJob {
  const { yaml_variables = true, pipeline_variables = false } = values.forward?.values ?? {};
  const forward = { yamlVariables: yaml_variables, pipelineVariables: pipeline_variables };
  return { child, depend: values.strategy === "depend", forward };
}

export function buildRetry(retry: RetryValue | undefined): RetryPolicy {
  return {
    max: (retry?.values.max ?? 0) as RetryPolicy["max"],
    when: retry?.values.when ?? [],
    exitCodes: retry?.values.exit_codes ?? [],
  };
}

export function buildVariables(variables: VariablesValue | undefined): Variables {
  if (variables === undefined) return {};
  const entries: [string, Variable][] = [];
  variables.forEach(({ value }, name) => void entries.push([name, buildVariable(value)]));
  return Object.fromEntries(entries);
}

/** Nothing where no variable has options. */
export function buildOptions(variables: VariablesValue | undefined): Pick<Pipeline, "variableOptions"> {
  const limited = [...(variables ?? [])].flatMap(([name, { value }]): [string, string[]][] =>
    typeof value === "object" && value.values.options !== undefined ? [[name, value.values.options]] : [],
  );
  return limited.length === 0 ? {} : { variableOptions: Object.fromEntries(limited) };
}

function buildVariable(variable: VariableValue | undefined): Variable {
  if (variable === undefined || typeof variable === "string") return variable ?? "";
  const { value = "", expand = true, file = false } = variable.values;
  if (expand && !file) return value;
  return { value, expand, ...(file ? { file: true } : {}) };
}

export function buildEnvironment({ values }: EnvironmentValue): Environment {
  const { name = "", url, action = "start", deployment_tier: tier } = values;
  return { name, url, action, tier };
}

export function buildRule({ values, span }: RuleValue): Rule {
  const { changes, exists } = values;
  return {
    if: values.if,
    changes: changes === undefined ? undefined : buildChanges(changes),
    exists: exists === undefined || Array.isArray(exists) ? exists : (exists.values.paths ?? []),
    when: values.when,
    startInMs: values.start_in,
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
