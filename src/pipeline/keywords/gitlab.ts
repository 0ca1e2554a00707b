import { foreignJobKey } from "../foreign-keys.ts";
import { list, located, type Shape } from "../shape.ts";
import { object } from "../shape-object.ts";
import { JOB_KEYWORDS } from "./job.ts";
import { jobsOf } from "./jobs.ts";
import { passOver } from "./leftovers.ts";
import { defaults } from "./native.ts";
import { except, only } from "./only-except.ts";
import { workflow } from "./rules.ts";
import { spent } from "./spent.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { name } from "./values.ts";
import { variables } from "./variables.ts";

/** `.gitlab-ci.yml`, once its jobs are gathered under `jobs`. */

export const GITLAB_STAGES = ["build", "test", "deploy"];
/** Before and after all others, whether they are listed or not. */
export const EDGE_STAGES = [".pre", ".post"];

/** Keys of `default` that may stand at the top as well. */
export const TOP_LEVEL_DEFAULTS = new Set(["image", "services", "cache", "before_script", "after_script"]);

const refuse = refuseUnsupported("job");
const leave = passOver("job");

const { secrets: _ofNative, ...shared } = JOB_KEYWORDS;

const job = object(
  {
    ...shared,
    stage: { shape: JOB_KEYWORDS.stage.shape, about: "The stage the job belongs to. Default: test." },
    only: { shape: only, about: "Refs, variables and changes with which the job is in a run." },
    except: { shape: except, about: "Refs, variables and changes with which the job is in no run." },
  },
  {
    noun: "a mapping with script",
    elsewhere: foreignJobKey,
    onUnknown: (...key) => leave(...key) || refuse(...key),
  },
);

export const GITLAB_PIPELINE = object(
  {
    stages: {
      shape: list(located(name("the name of a stage")), { noun: "a list of stages", atLeast: 1 }),
      about: "The stages in running order. Default: build, test, deploy.",
    },
    include: { shape: spent("include", {}), about: "Files of the repository that this one is made of, too." },
    workflow: { shape: workflow, about: "Whether there is a run at all." },
    variables: { shape: variables, about: "Environment variables of all jobs." },
    default: { shape: defaults, about: "What jobs use where they lack the key." },
    jobs: {
      shape: jobsOf(job, { example: "hello: { script: echo hello }" }),
      about: "The jobs by name.",
    },
  },
  { noun: "a mapping of jobs" },
);

type Read<S> = S extends Shape<infer T> ? T : never;
export type GitlabValue = Read<typeof GITLAB_PIPELINE>;
