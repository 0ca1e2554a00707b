import type {
  AllowFailure,
  Artifacts,
  Cache,
  Environment,
  Image,
  Place,
  RegexText,
  RetryPolicy,
  Service,
  Variables,
  When,
} from "../pipeline/pipeline.ts";
import type { PullRequest } from "./repository-event.ts";

/**
 * What a run will do: the DAG of jobs with everything resolved that does not depend on the moment of running. Plain
 * JSON: it is stored with the run and read back by whoever drives it.
 */
export interface Plan {
  pipeline: string;
  /** Only stages that have jobs, in running order. */
  stages: string[];
  /** Ordered by stage, then by the file. */
  jobs: PlannedJob[];
  /** Why a job of the file is not in the run (`--job`, `--stage`, rules); `why`: the rules looked at. */
  leftOut: LeftOut[];
  /** The rules of `workflow` that were looked at; the last one holds. Empty without such rules. */
  workflow: RuleTrace[];
  /** `CI_PIPELINE_SOURCE`, null: as the run's trigger says, and `CI_DEFAULT_BRANCH`. */
  origin: { source: string | null; defaultBranch: string | null };
  /**
   * Pipeline-level variables with those of the workflow's rule, those of the user's project that are no secrets, and those of `--var`;
   * see `jobVariables` for the precedence.
   */
  variables: { global: Variables; project?: Variables; run: Variables };
  /** Only of runs of a pull request. `isFork`: what it runs need not be trusted. */
  pullRequest?: PullRequest;
}

export interface LeftOut {
  job: string;
  reason: string;
  why: RuleTrace[];
}

/**
 * One rule that was looked at. `text`: its clauses as written. `values`: what each variable in it was, null where unset, at most 200
 * characters of each. `note`: which path matched, or why it did not match. `result`: what follows, such as `on_success` or
 * `never`, or "" where it did not match.
 */
export interface RuleTrace {
  at: Place;
  text: string;
  matched: boolean;
  values: Record<string, string | null>;
  note: string | null;
  result: string;
}

export interface PlannedJob {
  name: string;
  /** The job of the file: `test` of `test: [a, b]` and of `test 1/2`. */
  origin: string;
  at: Place;
  /** Which of the instances that `parallel` makes; null without it. From 1. */
  node: { index: number; total: number } | null;
  /** The rules that were looked at; the last one holds. Empty without rules. */
  why: RuleTrace[];
  stage: string;
  /** Index into `Plan.stages`. */
  stageIndex: number;
  image: Image | null;
  beforeScript: string[];
  script: string[];
  afterScript: string[];
  /** Null: all jobs of earlier stages (stage order). A list: exactly these (DAG), `[]` at once. */
  needs: string[] | null;
  /** Jobs whose artifacts are laid into the workspace, in plan order: later ones win. */
  artifactsFrom: string[];
  when: When;
  /** Of `delayed` jobs: how long they wait once their turn has come. */
  startInMs: number | null;
  allowFailure: AllowFailure;
  artifacts: Artifacts | null;
  services: Service[];
  caches: Cache[];
  /** Names of the secrets it is given. */
  secrets: string[];
  /** They were not listed: they are the names that its script and the like refer to, secrets or not. */
  secretsInferred?: true;
  environment: Environment | null;
  coverage: RegexText | null;
  /** With the variables that are known before a run put in. */
  resourceGroup: string | null;
  preGetSources: string[];
  /** Set: the job runs nothing itself but starts this plan as a run of its own. `depend`: it ends as that run does. */
  trigger: { plan: Plan; depend: boolean } | null;
  /** With those of its matrix and rule. */
  variables: Variables;
  /** Which of `Plan.variables.global` it gets; a list names them. */
  inheritVariables: boolean | string[];
  timeoutMs: number;
  retry: RetryPolicy;
  /** Only workers that carry all of these labels take it; a local run passes them over. */
  tags: string[];
  /** A newer run of the same branch may cancel it. */
  interruptible: boolean;
}
