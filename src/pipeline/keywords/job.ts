import { foreignJobKey } from "../foreign-keys.ts";
import { labelProblem, TAG_PATTERN } from "../names.ts";
import { list, located, text, truth } from "../shape.ts";
import { object } from "../shape-object.ts";
import { script } from "../shape-script.ts";
import { artifacts } from "./artifacts.ts";
import { caches } from "./cache.ts";
import { coverage } from "./coverage.ts";
import { environment } from "./environment.ts";
import { allowFailure, retry } from "./failure.ts";
import { hooks } from "./hooks.ts";
import { image } from "./image.ts";
import { inheritOf } from "./inherit.ts";
import { needs } from "./needs.ts";
import { parallel } from "./parallel.ts";
import { rules } from "./rules.ts";
import { secrets } from "./secrets.ts";
import { services } from "./services.ts";
import { spent } from "./spent.ts";
import { trigger } from "./trigger.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { name, timeout } from "./values.ts";
import { variables } from "./variables.ts";
import { jobWhen, resourceGroup, startIn } from "./when.ts";

/** The keys of a job as one table, and those of them that "default" may hold. */

export const shared = {
  image: { shape: image, about: "The container image the job runs in." },
  services: { shape: services, about: "Containers that run beside the job, such as databases." },
  hooks: { shape: hooks, about: "Commands at certain moments of a job." },
  before_script: {
    shape: script({ required: false }),
    about: "Commands that run before script, in the same shell.",
  },
  after_script: {
    shape: script({ required: false }),
    about: "Commands that run afterwards in a shell of their own, whatever the result.",
  },
  artifacts: { shape: artifacts, about: "What is kept of the workspace and handed to later jobs." },
  cache: { shape: caches, about: "What is kept of the workspace for later runs; at most four of it." },
  timeout: { shape: timeout, about: "How long an attempt may take, such as 3h 30m. Default: 1h." },
  retry: { shape: retry, about: "Further attempts after a failure. Default: 0." },
  tags: {
    shape: list(text({ noun: "a label", problem: labelProblem, schema: { pattern: TAG_PATTERN } }), {
      noun: "a list of labels",
    }),
    about: "Labels that a worker must carry to take the job. A local run passes them over.",
  },
  interruptible: {
    shape: truth(),
    about: "Whether a newer run of the same branch may cancel the job. Default: false.",
  },
};

export const inherit = inheritOf(Object.keys(shared) as (keyof typeof shared)[]);

/** Templates are known by their names' leading dot. */
const templates = {
  anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }],
};

export const JOB_KEYWORDS = {
  extends: {
    shape: spent("extends", templates),
    about: "Jobs or templates whose keys this one takes over.",
  },
  stage: {
    shape: located(name("the name of a stage")),
    about: "The stage the job belongs to.",
    required: "say which stage the job belongs to: stage: test",
  },
  image: shared.image,
  services: shared.services,
  hooks: shared.hooks,
  before_script: shared.before_script,
  script: {
    shape: script({ required: true }),
    about: "The commands of the job: a text, a list, or nested lists.",
    required: "say what the job runs: script: make",
    unless: ["trigger", "run"],
  },
  after_script: shared.after_script,
  trigger: { shape: trigger, about: "The pipeline that the job starts, instead of a script." },
  rules: { shape: rules, about: "Whether and how the job is in a run: the first rule that holds decides." },
  needs: { shape: needs, about: "Jobs to wait for instead of all earlier stages; [] starts at once." },
  dependencies: {
    shape: list(located(name("a job's name")), { noun: "a list of jobs" }),
    about: "Jobs whose artifacts are fetched. Default: those of all jobs it waits for.",
  },
  when: { shape: jobWhen, about: "When the job runs. Default: on_success." },
  start_in: { shape: startIn, about: "How long a delayed job waits once its turn has come, at most 1 week." },
  resource_group: {
    shape: resourceGroup,
    about: "Of the repository's jobs with the same one, over all runs, one runs at a time.",
  },
  allow_failure: { shape: allowFailure, about: "Whether the pipeline may go on when the job fails." },
  parallel: { shape: parallel, about: "How many instances of the job run, or the values they run with." },
  artifacts: shared.artifacts,
  cache: shared.cache,
  coverage: { shape: coverage, about: "A pattern that finds the job's test coverage in its log." },
  variables: { shape: variables, about: "Environment variables of this job." },
  secrets: {
    shape: secrets,
    about: "Secrets the job is given as variables, by name; no other job sees them.",
  },
  environment: {
    shape: environment,
    about: "What the job deploys to: told to it in CI_ENVIRONMENT_NAME and the like.",
  },
  inherit: { shape: inherit, about: "What the job takes of default and of the pipeline's variables." },
  timeout: shared.timeout,
  retry: shared.retry,
  tags: shared.tags,
  interruptible: shared.interruptible,
};

export const job = object(JOB_KEYWORDS, {
  noun: "a mapping with stage and script",
  elsewhere: foreignJobKey,
  onUnknown: refuseUnsupported("job"),
});
