import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FAILURE_REASONS } from "../../src/api/shapes.ts";
import { explainRun } from "../../src/app/explain-run.ts";
import { renderExplanation } from "../../src/cli/render/explain.ts";
import { createStyle } from "../../src/cli/render/style.ts";
import type { PlannedJob, RuleTrace } from "../../src/plan/plan.ts";
import { newJobs, newRunRecord } from "../../src/run/new-rows.ts";
import type { AttemptRecord, FailureReason, JobRecord, JobState, RunRecord } from "../../src/run/records.ts";
import type { WorkerRecord } from "../../src/run/registry.ts";
import type { ResourceHolder, RunDetail } from "../../src/run/store.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";

/** `UPDATE_GOLDEN=1 bun test tests/app/explain-run.test.ts` writes what is said now. */
const GOLDEN = join(import.meta.dir, "explain-run.expected.txt");
const NOW = 1_000_000_000;
const PLAIN = createStyle(false);

interface Case {
  title: string;
  /** Of the job `it`, and of the jobs beside it by name. */
  job?: Partial<JobRecord>;
  planned?: Partial<PlannedJob>;
  others?: Record<string, { planned?: Partial<PlannedJob>; job?: Partial<JobRecord> }>;
  attempts?: Partial<AttemptRecord>[];
  run?: Partial<RunRecord>;
  workers?: WorkerRecord[];
  holders?: ResourceHolder[];
  /** What it has started. */
  child?: RunRecord;
}

function detailOf({ job, planned, others = { compile: {} }, attempts = [], run: change }: Case): RunDetail {
  const wide = Object.entries(others).map(([name, other]) => plannedJob(name, other.planned));
  const plan = planOf([...wide, plannedJob("it", { stage: "test", stageIndex: 1, ...planned })]);
  const run = { ...newRunRecord(newRun("r", plan, { mode: "local" }), 7, NOW), ...change };
  const rows = newJobs(
    run,
    plan.jobs.map(() => 0),
    NOW,
  ).map((row) => ({
    ...row,
    state: "success" as JobState,
    ...(row.name === "it" ? job : others[row.name]?.job),
  }));
  const { id } = rows.find(({ name }) => name === "it")!;
  const made = attempts.map((attempt, index) => ({ ...ATTEMPT, jobId: id, number: index + 1, ...attempt }));
  return { run, jobs: rows, attempts: made, artifacts: [] };
}

const ATTEMPT: AttemptRecord = {
  jobId: "",
  runId: "r",
  number: 1,
  worker: "build-3",
  leaseToken: "t",
  leaseUntil: NOW,
  containerName: null,
  assignedAt: NOW - 10_000,
  startedAt: NOW - 9_000,
  finishedAt: NOW - 2_000,
  outcome: "failed",
  exitCode: null,
  failureReason: null,
  message: null,
  logBytes: 0,
  logSha256: null,
  artifactLayer: null,
} as AttemptRecord;

const rule = (line: number, change: Partial<RuleTrace>): RuleTrace => ({
  at: { file: "web.yml", line, column: 9 },
  text: "if $CI_COMMIT_TAG",
  matched: false,
  values: { CI_COMMIT_TAG: null },
  note: null,
  result: "",
  ...change,
});

const failure = (
  reason: FailureReason | null,
  exitCode: number | null,
  message: string | null = null,
): Case => ({
  title: `failed: ${reason}`,
  job: { state: "failed", failureReason: reason, exitCode, attempt: 1 },
  attempts: [{ failureReason: reason, exitCode, message }],
});

const MESSAGES: Partial<Record<FailureReason, [number | null, string | null]>> = {
  script_failure: [3, "The script ended with exit code 3."],
  oom_killed: [137, null],
  image_pull_failure: [null, "no such image"],
  config_error: [null, "the shell executor has no services"],
  service_failed: [null, "the service db did not get ready"],
};

const CASES: Case[] = [
  {
    title: "created, behind needs",
    job: { state: "created" },
    planned: {
      needs: ["compile", "lint"],
      why: [rule(4, {}), rule(5, { matched: true, text: "always", values: {}, result: "on_success" })],
    },
    others: { compile: { job: { state: "running" } }, lint: {} },
  },
  {
    title: "created, behind stages",
    job: { state: "created" },
    planned: { allowFailure: true },
    others: { compile: { job: { state: "pending" } }, lint: {} },
  },
  {
    title: "created, behind a job and one that nobody has to start",
    job: { state: "created" },
    others: {
      compile: { job: { state: "running" } },
      extra: { planned: { when: "manual", allowFailure: true }, job: { state: "manual", allowed: true } },
    },
  },
  {
    title: "running, and waiting for a pipeline that waits for somebody",
    job: { state: "running", startedAt: NOW - 5_000, attempt: 1 },
    planned: { trigger: { plan: planOf([plannedJob("approve")], "child"), depend: true } },
    child: { pipeline: "web/it", number: 4, status: "manual" } as RunRecord,
  },
  {
    title: "created, behind a manual job",
    job: { state: "created" },
    others: { approve: { planned: { when: "manual" }, job: { state: "manual" } } },
    run: { status: "manual" },
  },
  {
    title: "created, in a run that was stopped",
    job: { state: "created" },
    others: { compile: { job: { state: "running" } } },
    run: { status: "running", stopRequestedAt: NOW - 5_000 },
  },
  {
    title: "created, in a run that is being canceled",
    job: { state: "created" },
    others: { compile: { job: { state: "canceling" } } },
    run: { status: "canceling", cancelRequestedAt: NOW - 5_000 },
  },
  {
    title: "manual, blocking",
    job: { state: "manual" },
    planned: { when: "manual" },
    run: { status: "manual" },
  },
  {
    title: "manual, not blocking",
    job: { state: "manual", allowed: true },
    planned: { when: "manual", allowFailure: true },
    run: { status: "success" },
  },
  { title: "pending, here", job: { state: "pending" } },
  {
    title: "pending, in the queue",
    job: { state: "pending" },
    run: { mode: "queue" },
    workers: [worker(["gpu"])],
    planned: { tags: ["gpu"] },
  },
  {
    title: "pending, without a worker for it",
    job: { state: "pending" },
    run: { mode: "queue" },
    workers: [worker([])],
    planned: { tags: ["gpu"] },
  },
  {
    title: "pending, behind another run",
    job: { state: "pending" },
    run: { mode: "queue", after: "other" },
    workers: [worker([])],
  },
  {
    title: "pending, put off",
    job: { state: "pending", notBefore: NOW + 90_000 },
    planned: { when: "delayed", startInMs: 300_000 },
  },
  {
    title: "pending, behind a job with its resource group",
    job: { state: "pending", resourceKey: "k" },
    planned: { resourceGroup: "production" },
    others: {
      first: {
        planned: { resourceGroup: "production" },
        job: { state: "running", resourceKey: "k", startedAt: NOW - 1 },
      },
    },
    holders: [{ resourceKey: "k", runId: "r", pipeline: "web", number: 7, job: "first" }],
  },
  {
    title: "pending, behind a job of another run",
    job: { state: "pending", resourceKey: "k" },
    planned: { resourceGroup: "production" },
    holders: [{ resourceKey: "k", runId: "other", pipeline: "web", number: 6, job: "deploy" }],
  },
  {
    title: "pending, with a resource group",
    job: { state: "pending", resourceKey: "k" },
    planned: { resourceGroup: "production" },
  },
  {
    title: "waiting for a resource",
    job: { state: "waiting_for_resource" },
    planned: { resourceGroup: "production" },
  },
  {
    title: "assigned",
    job: { state: "assigned", attempt: 1 },
    attempts: [{ outcome: null, startedAt: null, finishedAt: null }],
  },
  {
    title: "running, again",
    job: { state: "running", attempt: 2, retriesUsed: 1, startedAt: NOW - 65_000 },
    planned: { retry: { max: 2, when: ["worker_lost"], exitCodes: [7] } },
    attempts: [{ failureReason: "worker_lost" }, { outcome: null, finishedAt: null }],
    run: { mode: "queue" },
  },
  {
    title: "canceling",
    job: { state: "canceling", attempt: 1 },
    attempts: [{ outcome: null, finishedAt: null }],
  },
  {
    title: "success",
    job: { state: "success", attempt: 1 },
    attempts: [{ outcome: "success", exitCode: 0 }],
  },
  {
    title: "success at the second attempt",
    job: { state: "success", attempt: 2, retriesUsed: 1 },
    planned: { retry: { max: 2, when: [], exitCodes: [] } },
    attempts: [
      { failureReason: "script_failure", exitCode: 1 },
      { outcome: "success", exitCode: 0 },
    ],
  },
  {
    title: "failed, allowed",
    job: { state: "failed", allowed: true, failureReason: "script_failure", exitCode: 4 },
    planned: { allowFailure: { exitCodes: [4, 5] } },
  },
  {
    title: "failed, not for a retry",
    job: { state: "failed", failureReason: "script_failure", exitCode: 1, attempt: 1 },
    planned: { retry: { max: 1, when: ["worker_lost"], exitCodes: [] } },
    attempts: [{ failureReason: "script_failure", exitCode: 1 }],
  },
  ...[...FAILURE_REASONS, null].map((reason) =>
    failure(reason, ...(((reason && MESSAGES[reason]) ?? [null, null]) as [number | null, string | null])),
  ),
  {
    title: "canceled, before it began",
    job: { state: "canceled", failureReason: "canceled" },
    run: { status: "canceled", cancelRequestedAt: NOW - 5_000 },
  },
  {
    title: "canceled, at work",
    job: { state: "canceled", failureReason: "canceled", attempt: 1 },
    attempts: [{ outcome: "canceled", failureReason: "canceled" }],
  },
  {
    title: "skipped after a failure",
    job: { state: "skipped" },
    planned: { needs: ["compile"] },
    others: { compile: { job: { state: "failed", failureReason: "script_failure" } } },
  },
  {
    title: "skipped after a skipped one",
    job: { state: "skipped" },
    planned: { needs: ["unit"] },
    others: { compile: { job: { state: "failed" } }, unit: { job: { state: "skipped" } } },
  },
  {
    title: "skipped behind a manual job",
    job: { state: "skipped" },
    planned: { needs: ["approve"] },
    others: {
      approve: { planned: { when: "manual", allowFailure: true }, job: { state: "manual", allowed: true } },
    },
  },
  {
    title: "skipped without a failure",
    job: { state: "skipped" },
    planned: { when: "on_failure" },
    others: { compile: {} },
  },
];

function worker(labels: string[]): WorkerRecord {
  return {
    name: "build-3",
    title: "build-3",
    version: "1",
    host: "h",
    slots: 2,
    executors: ["fake"],
    labels,
    state: "active",
    activeJobs: 0,
    startedAt: NOW,
    seenAt: NOW,
  } as WorkerRecord;
}

const shown = (
  detail: RunDetail,
  workers?: WorkerRecord[],
  name = "it",
  holders: ResourceHolder[] = [],
  child?: RunRecord,
) => {
  const children = new Map(child === undefined ? [] : [[detail.jobs.at(-1)!.index, child]]);
  return renderExplanation(explainRun(detail, name, { now: NOW, workers, holders, children }), PLAIN);
};

test("every state and every reason of a job is explained", () => {
  const text = CASES.map(
    (one) => `# ${one.title}\n${shown(detailOf(one), one.workers, "it", one.holders, one.child)}`,
  ).join("\n");
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(GOLDEN, text);
  expect(text).toBe(readFileSync(GOLDEN, "utf8"));
});

test("a job that is not in the run says which rules kept it out, also by the name of all its instances", () => {
  const detail = detailOf({ title: "" });
  const why = [rule(4, {}), rule(6, { text: "changes src/*", values: {}, note: "nothing changed" })];
  detail.run.plan.leftOut = [
    { job: "unit: [a]", reason: "none of its rules holds", why },
    {
      job: "unit: [b]",
      reason: "rule 2 says never",
      why: [...why.slice(0, 1), rule(6, { matched: true, result: "never" })],
    },
    { job: "docs", reason: 'its stage is "doc", not "test" (--stage)', why: [] },
  ];
  expect(shown(detail, undefined, "unit")).toBe(
    [
      "web #7 (pending)",
      '"unit: [a]" is not in the run: none of its rules holds',
      "  rules  rule 1 (web.yml:4) if $CI_COMMIT_TAG (CI_COMMIT_TAG is not set) -> does not hold",
      "         rule 2 (web.yml:6) changes src/* (nothing changed) -> does not hold",
      '"unit: [b]" is not in the run: its rule 2 says never',
      "  rules  rule 1 (web.yml:4) if $CI_COMMIT_TAG (CI_COMMIT_TAG is not set) -> does not hold",
      "         rule 2 (web.yml:6) if $CI_COMMIT_TAG (CI_COMMIT_TAG is not set) -> never",
      "",
    ].join("\n"),
  );
  expect(shown(detail, undefined, "docs")).toContain(
    '"docs" is not in the run: its stage is "doc", not "test" (--stage)',
  );
  expect(() => shown(detail, undefined, "ti")).toThrow('run #7 of web has no job "ti"');
});
