import * as v from "valibot";
import type { ListedArtifact } from "../app/artifacts.ts";
import type { EndedRun } from "../app/cancel-runs.ts";
import type { CheckedFile } from "../app/check-pipelines.ts";
import type { DryRunJson } from "../app/dry-run.ts";
import type { ReopenedRun } from "../app/retry-run.ts";
import type {
  ArtifactJson,
  JobJson,
  JobLineJson,
  RunJson,
  RunLineJson,
  RunSummaryJson,
  StageJson,
  StageLineJson,
} from "../app/shapes.ts";
import { DIAGNOSTIC_CODES, type DiagnosticCode } from "../pipeline/diagnostic.ts";
import { COUNT, SHA256, TIME } from "./scalars.ts";

/** The shapes of `report --json` and their relatives as schemas. The last lines hold them to the types that are sent. */

const STATUS_WORDS = [
  "created",
  "pending",
  "running",
  "canceling",
  "manual",
  "success",
  "failed",
  "canceled",
  "skipped",
] as const;
const TRIGGERS = ["cli", "api", "push", "tag", "pull_request", "schedule", "pipeline"] as const;
export const FAILURE_REASONS = [
  "script_failure",
  "job_timeout",
  "oom_killed",
  "image_pull_failure",
  "image_without_shell",
  "runner_system_failure",
  "worker_lost",
  "config_error",
  "service_failed",
  "child_failed",
  "canceled",
] as const;

export const RUN_STATUSES = STATUS_WORDS.filter((word) => word !== "created") as Exclude<
  (typeof STATUS_WORDS)[number],
  "created"
>[];
export const TRIGGER = v.picklist(TRIGGERS);
export const STATUS = v.picklist(STATUS_WORDS);

const SPAN = {
  startedAt: v.nullable(TIME),
  finishedAt: v.nullable(TIME),
  durationMs: v.nullable(v.number()),
};

export const ARTIFACT = v.object({ path: v.string(), sizeBytes: COUNT, sha256: SHA256 });

const TEST_COUNTS = v.object({
  total: COUNT,
  failed: COUNT,
  errors: COUNT,
  skipped: COUNT,
  durationMs: v.number(),
});

const FAILING_TEST = v.object({
  suite: v.nullable(v.string()),
  className: v.nullable(v.string()),
  name: v.string(),
  file: v.nullable(v.string()),
  line: v.nullable(COUNT),
  kind: v.picklist(["failure", "error"]),
  message: v.nullable(v.string()),
  detail: v.nullable(v.string()),
  isNew: v.boolean(),
  since: COUNT,
});

const CHILD_RUN = v.object({ id: v.string(), pipeline: v.string(), number: COUNT, status: STATUS });

export const JOB = v.object({
  name: v.string(),
  stage: v.string(),
  status: STATUS,
  allowFailure: v.boolean(),
  failureReason: v.nullable(v.picklist(FAILURE_REASONS)),
  exitCode: v.nullable(v.number()),
  attempt: COUNT,
  image: v.nullable(v.string()),
  needs: v.array(v.string()),
  note: v.nullable(v.string()),
  artifacts: v.array(ARTIFACT),
  delayedUntil: v.nullable(TIME),
  tests: v.nullable(TEST_COUNTS),
  coverage: v.nullable(v.number()),
  failingTests: v.exactOptional(v.array(FAILING_TEST)),
  child: v.exactOptional(CHILD_RUN),
  ...SPAN,
});

const JOB_LINE = v.omit(JOB, ["artifacts", "delayedUntil", "tests", "coverage", "failingTests", "child"]);

export const STAGE = v.object({
  name: v.string(),
  status: STATUS,
  warnings: v.boolean(),
  jobs: v.array(JOB),
  ...SPAN,
});

const STAGE_LINE = v.object({ ...v.omit(STAGE, ["jobs"]).entries, jobCount: COUNT });

export const RUN_SUMMARY = v.object({
  id: v.string(),
  number: COUNT,
  pipeline: v.string(),
  repo: v.string(),
  branch: v.nullable(v.string()),
  tag: v.nullable(v.string()),
  commit: v.nullable(v.string()),
  commitMessage: v.nullable(v.string()),
  dirty: v.boolean(),
  dirtyFiles: v.nullable(v.object({ modified: COUNT, untracked: COUNT })),
  trigger: TRIGGER,
  executor: v.picklist(["docker", "shell", "fake"]),
  status: STATUS,
  warnings: v.boolean(),
  createdAt: TIME,
  ...SPAN,
});

export const RUN = v.object({
  ...RUN_SUMMARY.entries,
  awaits: v.array(v.string()),
  stages: v.array(STAGE),
});

const RUN_LINE = v.pick(RUN_SUMMARY, [
  "number",
  "branch",
  "commit",
  "dirty",
  "status",
  "warnings",
  "createdAt",
  "durationMs",
]);

export const ENDED_RUN = v.object({
  run: RUN_SUMMARY,
  jobs: v.array(v.string()),
  isOver: v.boolean(),
});

export const REOPENED_RUN = v.object({
  runId: v.string(),
  afterEvent: COUNT,
  jobs: v.array(v.string()),
});

export const LISTED_ARTIFACT = v.object({ job: v.string(), attempt: COUNT, ...ARTIFACT.entries });

/** A rule that was looked at. `values`: what its variables were, null where unset. */
export const RULE_TRACE = v.object({
  at: v.object({ file: v.string(), line: COUNT, column: COUNT }),
  text: v.string(),
  matched: v.boolean(),
  values: v.record(v.string(), v.nullable(v.string())),
  note: v.nullable(v.string()),
  result: v.string(),
});

export const DRY_RUN = v.object({
  pipeline: v.string(),
  stages: v.array(
    v.object({
      name: v.string(),
      jobs: v.array(
        v.object({
          name: v.string(),
          image: v.nullable(v.string()),
          needs: v.array(v.string()),
          byNeeds: v.boolean(),
          script: v.array(v.string()),
          when: v.picklist(["on_success", "on_failure", "always", "manual", "delayed"]),
          allowFailure: v.union([v.boolean(), v.object({ exitCodes: v.array(v.number()) })]),
          gate: v.nullable(
            v.object({ effect: v.picklist(["waits", "skipped"]), manual: v.array(v.string()) }),
          ),
          rules: v.array(RULE_TRACE),
        }),
      ),
    }),
  ),
  leftOut: v.array(v.object({ job: v.string(), reason: v.string(), rules: v.array(RULE_TRACE) })),
  order: v.array(v.array(v.string())),
});

const SEVERITY = v.picklist(["error", "warning"]);
const DIAGNOSTIC_CODE = v.picklist(Object.keys(DIAGNOSTIC_CODES) as [DiagnosticCode, ...DiagnosticCode[]]);

/** As `check --json` prints it. */
export const CHECK_DIAGNOSTIC = v.object({
  code: v.string(),
  severity: SEVERITY,
  message: v.string(),
  file: v.string(),
  line: COUNT,
  column: COUNT,
  hint: v.nullable(v.string()),
});

/** A file as it was found and judged, with all that is needed to show its problems in their place. */
export const CHECKED_FILE = v.object({
  file: v.string(),
  text: v.string(),
  included: v.array(v.object({ file: v.string(), text: v.string() })),
  pipeline: v.nullable(v.object({ name: v.string(), jobs: COUNT, stages: COUNT })),
  diagnostics: v.array(
    v.object({
      code: DIAGNOSTIC_CODE,
      severity: SEVERITY,
      message: v.string(),
      file: v.string(),
      line: COUNT,
      column: COUNT,
      length: COUNT,
      hint: v.exactOptional(v.string()),
    }),
  ),
});

const OF_RUN = { run: COUNT };

/** The seven forms of `report --json`, those over all runs also as lines. */
export const REPORT = v.union([
  v.object({ pipelines: v.array(v.object({ name: v.string(), runs: COUNT, lastRun: RUN })) }),
  v.object({ runs: v.array(RUN) }),
  v.object({
    runs: v.array(RUN_LINE),
    failingTests: v.exactOptional(v.array(v.object({ ...OF_RUN, job: v.string(), ...FAILING_TEST.entries }))),
  }),
  v.object({ run: RUN }),
  v.object({ stages: v.array(v.object({ ...OF_RUN, ...STAGE.entries })) }),
  v.object({ stages: v.array(v.object({ ...OF_RUN, ...STAGE_LINE.entries })) }),
  v.object({ stage: STAGE }),
  v.object({ jobs: v.array(v.object({ ...OF_RUN, ...JOB.entries })) }),
  v.object({ jobs: v.array(v.object({ ...OF_RUN, ...JOB_LINE.entries })) }),
  v.object({ job: JOB }),
]);

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Out<S extends v.GenericSchema> = v.InferOutput<S>;

/** Does not compile where a schema and the type that is sent have parted. */
export const SHAPES_AGREE: [
  Same<Out<typeof ARTIFACT>, ArtifactJson>,
  Same<Out<typeof JOB>, JobJson>,
  Same<Out<typeof STAGE>, StageJson>,
  Same<Out<typeof RUN_SUMMARY>, RunSummaryJson>,
  Same<Out<typeof RUN>, RunJson>,
  Same<Out<typeof RUN_LINE>, RunLineJson>,
  Same<Out<typeof STAGE_LINE>, StageLineJson>,
  Same<Out<typeof JOB_LINE>, JobLineJson>,
  Same<Out<typeof ENDED_RUN>, EndedRun>,
  Same<Out<typeof REOPENED_RUN>, ReopenedRun>,
  Same<Out<typeof LISTED_ARTIFACT>, ListedArtifact>,
  Same<Out<typeof DRY_RUN>, DryRunJson>,
  Same<Out<typeof CHECKED_FILE>, CheckedFile>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true];
