import type { Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Span } from "../source.ts";

type Place = "job" | "default" | "environment" | "image" | "artifacts" | "cache" | "workflow";

/** Keys that GitLab knows and that change nothing of what runs here; said of each what comes of it. */
const LEFTOVERS: Record<Place, Record<string, string>> = {
  job: {
    dast_configuration: "the job runs without these settings of a scanner",
    id_tokens: "no tokens are issued, and these variables are not set",
    identity: "the job gets no identity of a cloud",
    inputs: "a run asks for no inputs of a job",
    manual_confirmation: "cicd asks no further question when the job is started",
    pages: "nothing is published: the job runs and its artifacts are kept",
    publish: "nothing is published: the job runs and its artifacts are kept",
    release: "no release is made: the job runs",
    secrets: "no vault is asked: the job gets what is set with cicd secret set and it refers to",
  },
  default: {
    id_tokens: "no tokens are issued, and these variables are not set",
    identity: "jobs get no identity of a cloud",
  },
  environment: {
    auto_stop_in: "nothing is stopped by itself",
    kubernetes: "the job reaches clusters by what its script does",
    on_stop: "the job that stops the environment is started by hand",
  },
  image: { kubernetes: "containers run in Docker" },
  artifacts: {
    access: "whoever may see the run may see its artifacts",
    expose_as: "artifacts are not linked from a merge request",
    public: "whoever may see the run may see its artifacts",
  },
  cache: {
    unprotect: "caches of all branches are one: only pull requests from forks have their own",
  },
  workflow: {
    auto_cancel: "a newer run cancels older ones by what their jobs say with interruptible",
    name: "runs have a number and no title",
  },
};

/** Warns of such a key of a mapping; for the `onUnknown` of its shape. */
export function passOver(place: Place) {
  return (key: string, _value: Node, keySpan: Span, { report }: ReadContext): boolean => {
    const outcomes = LEFTOVERS[place];
    if (!Object.hasOwn(outcomes, key)) return false;
    report.warning(
      "GITLAB_LEFTOVER",
      keySpan,
      `"${key}" has no effect here: ${outcomes[key]}`,
      "it may be removed",
    );
    return true;
  };
}
