import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";
import { foreignJobKey, foreignTopKey } from "./foreign-keys.ts";
import { imageNameProblem } from "./image-name.ts";
import {
  artifactPathProblem,
  LABEL_PATTERN,
  labelProblem,
  MAX_NAME_LENGTH,
  NAME_PATTERN,
  nameProblem,
  type TextProblem,
  variableNameProblem,
} from "./names.ts";
import { ON_KEYWORDS, on } from "./on-keywords.ts";
import { RETRY_WHEN } from "./pipeline.ts";
import {
  integer,
  isScalarOf,
  type JsonSchema,
  list,
  located,
  mapped,
  oneOf,
  type Shape,
  text,
  truth,
  word,
  wrongType,
} from "./shape.ts";
import { dictionary, object } from "./shape-object.ts";
import { script } from "./shape-script.ts";

/** The language as one table. Whoever adds a keyword adds it here, in `build-pipeline.ts` and in `docs/pipeline.md`. */

export const DEFAULT_STAGES = ["build", "test", "doc", "deploy"];
export const DEFAULT_TIMEOUT_MS = 3_600_000;
export const MAX_TIMEOUT_MS = 14 * 24 * 3_600_000;
export const MAX_JOBS = 10_000;
export const MAX_NEEDS = 1000;

const name = (noun: string) =>
  text({
    noun,
    code: "CONFIG_INVALID_NAME",
    problem: nameProblem,
    schema: { minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN },
  });

const plainText = text({ noun: "a text", problem: noNul });

function noNul(value: string): TextProblem | undefined {
  return value.includes("\0") ? { message: "the text holds a NUL character", hint: "remove it" } : undefined;
}

/** The value of an environment variable; numbers and truth values are taken as written. */
const variableValue: Shape<string> = {
  noun: "a text, a number, or true or false",
  schema: { type: ["string", "number", "boolean"] },
  accepts: (node) => node.kind === "scalar" && node.value !== null,
  read(node, context) {
    if (isScalarOf(node, "string")) return plainText.read(node, context);
    if (isScalarOf(node, "boolean")) return String(node.value);
    if (isScalarOf(node, "number")) return node.written;
    return wrongType(
      node,
      this.noun,
      context,
      node.kind === "scalar" ? 'for an empty value write ""' : undefined,
    );
  },
};

const variables = dictionary({
  noun: "a mapping of variables",
  of: variableValue,
  keyProblem: variableNameProblem,
  keySchema: { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,254}$" },
});

/** Milliseconds. A whole number counts seconds. */
function duration(options: { maximumMs: number; never: boolean }): Shape<number | "never"> {
  const hint = `write it like 90s, 10m or 3h 30m${options.never ? ", or never" : ""}`;
  return {
    noun: "a duration",
    schema: { type: ["string", "integer"], pattern: DURATION_PATTERN },
    accepts: (node) => isScalarOf(node, "string") || isScalarOf(node, "number"),
    read(node, context) {
      if (node.kind !== "scalar" || node.value === null || typeof node.value === "boolean") {
        return wrongType(node, "a duration", context, hint);
      }
      const said = typeof node.value === "string" ? node.value : node.written;
      if (options.never && said.trim() === "never") return "never";
      const milliseconds = parseDuration(said);
      const fail = (message: string, mend: string) =>
        context.report.error("CONFIG_INVALID_DURATION", node.span, message, mend);
      if (milliseconds === undefined) return fail(`"${said.slice(0, 80)}" is not a duration`, hint);
      if (milliseconds <= 0) return fail("the duration is zero", "write at least 1s");
      if (milliseconds > options.maximumMs) {
        return fail(
          `"${said.slice(0, 80)}" is too long`,
          `at most ${formatDuration(options.maximumMs)} is allowed`,
        );
      }
      return milliseconds;
    },
  };
}

const NEVER: JsonSchema = { type: "string", const: "never" };
const expiry: Shape<number | "never"> = (() => {
  const shape = duration({ maximumMs: 100 * 365.25 * 86_400_000, never: true });
  return { ...shape, schema: { anyOf: [shape.schema, NEVER] } };
})();

const timeout = mapped(duration({ maximumMs: MAX_TIMEOUT_MS, never: false }), (value) => value as number);

const exitCode = integer(0, 255);
const exitCodes = list(exitCode, { noun: "an exit code or a list of them", atLeast: 1, single: true });

const image = object(
  {
    name: {
      shape: text({
        noun: "an image name",
        code: "CONFIG_INVALID_IMAGE",
        problem: imageNameProblem,
        schema: { minLength: 1 },
      }),
      about: "The image, such as node:22-alpine. May hold $VARIABLES.",
      required: "name the image: name: node:22-alpine",
    },
    entrypoint: {
      shape: list(plainText, { noun: "a text or a list of texts", single: true }),
      about: 'Replaces the entry point of the image; [""] takes it away.',
    },
    pull_policy: {
      shape: word(["always", "if-not-present", "never"]),
      about: "When the image is pulled. Default: if-not-present.",
    },
  },
  { noun: "a mapping with name, entrypoint and pull_policy", shorthand: "name" },
);

const artifactPaths = (atLeast: number) =>
  list(text({ noun: "a path", problem: artifactPathProblem, schema: { minLength: 1 } }), {
    noun: "a list of paths",
    atLeast,
  });

const artifacts = object(
  {
    paths: {
      shape: artifactPaths(1),
      about: "Files, directories and patterns to keep, relative to the workspace.",
      required: "say what to keep: paths: [dist/]",
    },
    exclude: { shape: artifactPaths(0), about: "Patterns of files to leave out." },
    when: {
      shape: word(["on_success", "on_failure", "always"]),
      about: "After which results artifacts are kept. Default: on_success.",
    },
    name: { shape: name("a name"), about: "Name of the archive when downloaded." },
    expire_in: { shape: expiry, about: "How long artifacts are kept: 30 days, 1 week, never." },
  },
  { noun: "a mapping with paths" },
);

const retry = object(
  {
    max: {
      shape: integer(0, 2),
      about: "Further attempts after a failure: 0, 1 or 2.",
      required: "say how often: max: 1",
    },
    when: {
      shape: list(word(RETRY_WHEN), { noun: "a reason or a list of reasons", atLeast: 1, single: true }),
      about: "Only after failures of these kinds.",
    },
    exit_codes: { shape: exitCodes, about: "Only after these exit codes." },
  },
  { noun: "a mapping with max, when and exit_codes", shorthand: "max" },
);

const need = object(
  {
    job: {
      shape: located(name("a job's name")),
      about: "The job needed.",
      required: "name the job: job: compile",
    },
    artifacts: { shape: truth(), about: "Whether its artifacts are fetched. Default: true." },
    optional: { shape: truth(), about: "Whether the job may be absent. Default: false." },
  },
  { noun: "a mapping with job, artifacts and optional", shorthand: "job" },
);

const allowFailure = oneOf(
  truth(),
  object(
    {
      exit_codes: {
        shape: exitCodes,
        about: "Only these exit codes are allowed.",
        required: "exit_codes: [137]",
      },
    },
    { noun: "a mapping with exit_codes" },
  ),
);

const when = word(["on_success", "on_failure", "always", "manual"], {
  never: '"never" is for rules only; to leave a job out, remove it or comment it out',
  delayed: '"delayed" is not supported; use manual, or sleep in the script',
});

const shared = {
  image: { shape: image, about: "The container image the job runs in." },
  before_script: {
    shape: script({ required: false }),
    about: "Commands that run before script, in the same shell.",
  },
  after_script: {
    shape: script({ required: false }),
    about: "Commands that run afterwards in a shell of their own, whatever the result.",
  },
  artifacts: { shape: artifacts, about: "What is kept of the workspace and handed to later jobs." },
  timeout: { shape: timeout, about: "How long an attempt may take, such as 3h 30m. Default: 1h." },
  retry: { shape: retry, about: "Further attempts after a failure. Default: 0." },
  tags: {
    shape: list(text({ noun: "a label", problem: labelProblem, schema: { pattern: LABEL_PATTERN } }), {
      noun: "a list of labels",
    }),
    about: "Labels that a worker must carry to take the job. A local run passes them over.",
  },
  interruptible: {
    shape: truth(),
    about: "Whether a newer run of the same branch may cancel the job. Default: false.",
  },
};

const job = object(
  {
    stage: {
      shape: located(name("the name of a stage")),
      about: "The stage the job belongs to.",
      required: "say which stage the job belongs to: stage: test",
    },
    image: shared.image,
    before_script: shared.before_script,
    script: {
      shape: script({ required: true }),
      about: "The commands of the job: a text, a list, or nested lists.",
      required: "say what the job runs: script: make",
    },
    after_script: shared.after_script,
    needs: {
      shape: list(need, { noun: "a list of jobs" }),
      about: "Jobs to wait for instead of all earlier stages; [] starts at once.",
    },
    when: { shape: when, about: "When the job runs. Default: on_success." },
    allow_failure: { shape: allowFailure, about: "Whether the pipeline may go on when the job fails." },
    artifacts: shared.artifacts,
    variables: { shape: variables, about: "Environment variables of this job." },
    timeout: shared.timeout,
    retry: shared.retry,
    tags: shared.tags,
    interruptible: shared.interruptible,
  },
  { noun: "a mapping with stage and script", elsewhere: foreignJobKey },
);

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
    variables: { shape: variables, about: "Environment variables of all jobs." },
    default: {
      shape: object(shared, { noun: "a mapping with image, timeout, ...", elsewhere: foreignJobKey }),
      about: "What jobs use where they lack the key.",
    },
    jobs: {
      shape: dictionary({
        noun: "a mapping of jobs",
        of: job,
        keyProblem: nameProblem,
        keySchema: { minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN },
        atLeast: {
          count: 1,
          message: "there are no jobs",
          hint: "add a job: hello: { stage: build, script: echo hello }",
        },
      }),
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
  artifacts: artifacts.keys!,
  retry: retry.keys!,
  need: need.keys!,
  ...ON_KEYWORDS,
};

type Read<S> = S extends Shape<infer T> ? T : never;
export type PipelineValue = Read<typeof PIPELINE>;
export type JobValue = Read<typeof job>;
export type ImageValue = Read<typeof image>;
export type ArtifactsValue = Read<typeof artifacts>;
export type RetryValue = Read<typeof retry>;
export type NeedValue = Read<typeof need>;
export type OnValue = Read<typeof on>;
export type AllowFailureValue = Read<typeof allowFailure>;
