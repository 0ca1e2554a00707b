import { foreignJobKey } from "../foreign-keys.ts";
import { LABEL_PATTERN, labelProblem } from "../names.ts";
import { list, located, text, truth, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { script } from "../shape-script.ts";
import { artifacts } from "./artifacts.ts";
import { allowFailure, retry } from "./failure.ts";
import { image } from "./image.ts";
import { need } from "./needs.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { name, timeout } from "./values.ts";
import { variables } from "./variables.ts";

/** The keys of a job as one table, and those of them that "default" may hold. */

export const when = word(["on_success", "on_failure", "always", "manual"], {
  never: '"never" is for rules only; to leave a job out, remove it or comment it out',
  delayed: '"delayed" is not supported; use manual, or sleep in the script',
});

export const shared = {
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

export const job = object(
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
  { noun: "a mapping with stage and script", elsewhere: foreignJobKey, onUnknown: refuseUnsupported("job") },
);
