import { basename } from "node:path";
import { describeChild } from "../../app/child-runs.ts";
import type { Report } from "../../app/report.ts";
import type {
  JobJson,
  JobLineJson,
  RunJson,
  RunLineJson,
  RunSummaryJson,
  StageJson,
  StageLineJson,
} from "../../app/shapes.ts";
import {
  failingTestsOf,
  renderFailingTests,
  renderMarkdownFailingTests,
  type ShownTest,
  testsCell,
} from "./failing-tests.ts";
import { noteOf } from "./job-line.ts";
import { createLocalTime } from "./local-time.ts";
import { isAllowed } from "./run-summary.ts";
import { statusCell } from "./status.ts";
import { createStyle, type Style } from "./style.ts";
import { renderMarkdownTable, renderTable } from "./table.ts";
import { duration, printable, size } from "./text.ts";

const PLAIN = createStyle(false);

type TimeOf = ReturnType<typeof createLocalTime>;

export function renderReport(report: Report, style: Style): string {
  const title = titleOf(report);
  const table = renderTable(headed(toRows(report, style), style));
  const tests = failingTestsIn(report);
  const failing = renderFailingTests(tests, tests[0]?.run ?? 0, style);
  return `${title === "" ? "" : `${style.bold(title)}\n`}${failing}${table}${renderArtifacts(report, style)}`;
}

export function renderMarkdownReport(report: Report): string {
  const title = titleOf(report);
  const tests = failingTestsIn(report);
  const failing = renderMarkdownFailingTests(tests, tests[0]?.run ?? 0);
  return `${title === "" ? "" : `## ${title}\n\n`}${failing}${renderMarkdownTable(toRows(report, PLAIN))}`;
}

/** Of one run, or of the newest of several. Where the run's number is not told it is 0. */
function failingTestsIn(report: Report): (ShownTest & { run: number })[] {
  if ("runs" in report && "failingTests" in report) return report.failingTests ?? [];
  const run = "run" in report ? report.run.number : 0;
  return failingTestsOf(jobsIn(report)).map((test) => ({ ...test, run }));
}

export function renderRunTable(runs: RunSummaryJson[], style: Style, options: { withRepo: boolean }): string {
  const head = ["RUN", "STATUS", "BRANCH", "COMMIT", "CREATED", "DURATION"];
  const timeOf = createLocalTime();
  const rows = runs.map((run) => [
    `${printable(run.pipeline)} #${run.number}`,
    ...runCells(run, style, timeOf),
    ...(options.withRepo ? [printable(run.repo)] : []),
  ]);
  return renderTable(headed([[...head, ...(options.withRepo ? ["REPOSITORY"] : [])], ...rows], style));
}

/** The first row heads the others. */
function toRows(report: Report, style: Style): string[][] {
  const timeOf = createLocalTime();
  if ("pipelines" in report) {
    const rows = report.pipelines.map(({ name, runs, lastRun }) => [
      printable(name),
      String(runs),
      `#${lastRun.number}`,
      ...runCells(lastRun, style, timeOf),
    ]);
    return [["PIPELINE", "RUNS", "LAST", "STATUS", "BRANCH", "COMMIT", "CREATED", "DURATION"], ...rows];
  }
  if ("runs" in report) {
    const cellsOf = createRunCells(style);
    const rows = report.runs.map((run) => cellsOf(`#${run.number}`, run));
    return [["RUN", "STATUS", "BRANCH", "COMMIT", "CREATED", "DURATION"], ...rows];
  }
  const results = resultColumns(jobsIn(report), style);
  if ("run" in report)
    return [jobHead(results), ...report.run.stages.flatMap((stage) => jobRows(stage, results, style))];
  if ("stages" in report) {
    const rows = report.stages.map((stage) => [`#${stage.run}`, ...stageCells(stage, style, timeOf)]);
    return [["RUN", "STAGE", "STATUS", "JOBS", "STARTED", "DURATION"], ...rows];
  }
  if ("stage" in report) return [jobHead(results), ...jobRows(report.stage, results, style)];
  const jobs = "jobs" in report ? report.jobs.map((job) => [`#${job.run}`, ...jobCells(job, style)]) : [];
  if ("jobs" in report) return [["RUN", ...JOB_HEAD.slice(1)], ...jobs];
  return [
    jobHead(results),
    [printable(report.job.stage), ...jobCells(report.job, style, cellsOf(results, report.job))],
  ];
}

const JOB_HEAD = ["STAGE", "JOB", "STATUS", "DURATION", "ATTEMPT", "IMAGE", "NOTE"];

type ResultColumn = { title: string; cellOf: (job: JobJson) => string };

/** Only where a job has something to show there. */
function resultColumns(jobs: readonly JobJson[], style: Style): ResultColumn[] {
  const columns: ResultColumn[] = [
    { title: "TESTS", cellOf: (job) => testsCell(job, style) },
    { title: "COVERAGE", cellOf: ({ coverage }) => (coverage === null ? "" : `${coverage}%`) },
  ];
  return columns.filter(({ cellOf }) => jobs.some((job) => cellOf(job) !== ""));
}

function cellsOf(results: readonly ResultColumn[], job: JobJson): string[] {
  return results.map(({ cellOf }) => cellOf(job));
}

function jobHead(results: readonly ResultColumn[]): string[] {
  return [...JOB_HEAD.slice(0, -1), ...results.map(({ title }) => title), ...JOB_HEAD.slice(-1)];
}

function jobRows(stage: StageJson, results: readonly ResultColumn[], style: Style): string[][] {
  return stage.jobs.map((job, index) => [
    index === 0 ? printable(stage.name) : "",
    ...jobCells(job, style, cellsOf(results, job)),
  ]);
}

function jobCells(job: JobLineJson & Pick<JobJson, "child">, style: Style, results: string[] = []): string[] {
  const allowed = isAllowed(job);
  return [
    printable(job.name),
    statusCell(job.status, allowed, style),
    job.durationMs === null ? "" : duration(job.durationMs),
    job.attempt > 1 ? String(job.attempt) : "",
    printable(job.image ?? ""),
    ...results,
    jobNote(job, allowed),
  ];
}

function jobNote(job: JobLineJson & Pick<JobJson, "child">, allowed: boolean): string {
  if (job.child !== undefined) return printable(describeChild(job.child));
  if (job.status === "failed") return noteOf({ ...job, allowed, message: null });
  return job.status === "pending" ? printable(job.note ?? "") : "";
}

function stageCells(stage: StageJson | StageLineJson, style: Style, timeOf: TimeOf): string[] {
  return [
    printable(stage.name),
    statusCell(stage.status, stage.warnings && stage.status === "success", style),
    String("jobs" in stage ? stage.jobs.length : stage.jobCount),
    stage.startedAt === null ? "" : timeOf(stage.startedAt),
    stage.durationMs === null ? "" : duration(stage.durationMs),
  ];
}

function runCells(run: RunLineJson, style: Style, timeOf: TimeOf): string[] {
  return [
    statusCell(run.status, run.warnings && run.status === "success", style),
    printable(run.branch ?? ""),
    commitCell(run),
    timeOf(run.createdAt),
    run.durationMs === null ? "" : duration(run.durationMs),
  ];
}

/** `runCells` behind a first cell, for many runs: what they mostly have in common is made out once. */
function createRunCells(style: Style): (first: string, run: RunLineJson) => string[] {
  const timeOf = createLocalTime();
  let above: RunLineJson | undefined;
  let status = "";
  let branch = "";
  let commit = "";
  return (first, run) => {
    if (run.status !== above?.status || run.warnings !== above.warnings) {
      status = statusCell(run.status, run.warnings && run.status === "success", style);
    }
    if (run.branch !== above?.branch) branch = printable(run.branch ?? "");
    if (run.commit !== above?.commit || run.dirty !== above.dirty) commit = commitCell(run);
    above = run;
    const took = run.durationMs === null ? "" : duration(run.durationMs);
    return [first, status, branch, commit, timeOf(run.createdAt), took];
  };
}

function commitCell({ commit, dirty }: RunLineJson): string {
  const short = commit === null ? "" : commit.slice(0, 8);
  return dirty ? `${short}+` : short;
}

function titleOf(report: Report): string {
  if (!("run" in report)) return "";
  const { run } = report;
  const repo = printable(basename(run.repo));
  const ref = [run.branch, run.commit?.slice(0, 8)]
    .filter((part) => part != null)
    .map((part) => printable(part!));
  return `${printable(run.pipeline)} #${run.number} of ${repo} (${[...ref, run.status].join(", ")})`;
}

function jobsIn(report: Report): JobJson[] {
  if ("job" in report) return [report.job];
  if ("stage" in report) return report.stage.jobs;
  return "run" in report ? report.run.stages.flatMap((stage: RunJson["stages"][number]) => stage.jobs) : [];
}

function renderArtifacts(report: Report, style: Style): string {
  const rows = ("stage" in report ? [] : jobsIn(report)).flatMap((job) =>
    job.artifacts.map(({ path, sizeBytes }) => [printable(job.name), printable(path), size(sizeBytes)]),
  );
  return rows.length === 0 ? "" : `\n${renderTable(headed([["JOB", "ARTIFACT", "SIZE"], ...rows], style))}`;
}

function headed(rows: string[][], style: Style): string[][] {
  const [head, ...body] = rows;
  return head === undefined ? [] : [head.map((cell) => style.dim(cell)), ...body];
}
