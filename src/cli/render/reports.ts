import { basename } from "node:path";
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
  return `${title === "" ? "" : `${style.bold(title)}\n`}${table}${renderArtifacts(report, style)}`;
}

export function renderMarkdownReport(report: Report): string {
  const title = titleOf(report);
  return `${title === "" ? "" : `## ${title}\n\n`}${renderMarkdownTable(toRows(report, PLAIN))}`;
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
  if ("run" in report) return [JOB_HEAD, ...report.run.stages.flatMap((stage) => jobRows(stage, style))];
  if ("stages" in report) {
    const rows = report.stages.map((stage) => [`#${stage.run}`, ...stageCells(stage, style, timeOf)]);
    return [["RUN", "STAGE", "STATUS", "JOBS", "STARTED", "DURATION"], ...rows];
  }
  if ("stage" in report) return [JOB_HEAD, ...jobRows(report.stage, style)];
  const jobs = "jobs" in report ? report.jobs.map((job) => [`#${job.run}`, ...jobCells(job, style)]) : [];
  if ("jobs" in report) return [["RUN", ...JOB_HEAD.slice(1)], ...jobs];
  return [JOB_HEAD, [printable(report.job.stage), ...jobCells(report.job, style)]];
}

const JOB_HEAD = ["STAGE", "JOB", "STATUS", "DURATION", "ATTEMPT", "IMAGE", "NOTE"];

function jobRows(stage: StageJson, style: Style): string[][] {
  return stage.jobs.map((job, index) => [index === 0 ? printable(stage.name) : "", ...jobCells(job, style)]);
}

function jobCells(job: JobLineJson, style: Style): string[] {
  const allowed = isAllowed(job);
  return [
    printable(job.name),
    statusCell(job.status, allowed, style),
    job.durationMs === null ? "" : duration(job.durationMs),
    job.attempt > 1 ? String(job.attempt) : "",
    printable(job.image ?? ""),
    job.status === "failed"
      ? noteOf({ ...job, allowed, message: null })
      : job.status === "pending"
        ? printable(job.note ?? "")
        : "",
  ];
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

function renderArtifacts(report: Report, style: Style): string {
  const jobs: JobJson[] =
    "job" in report
      ? [report.job]
      : "run" in report
        ? report.run.stages.flatMap((stage: RunJson["stages"][number]) => stage.jobs)
        : [];
  const rows = jobs.flatMap((job) =>
    job.artifacts.map(({ path, sizeBytes }) => [printable(job.name), printable(path), size(sizeBytes)]),
  );
  return rows.length === 0 ? "" : `\n${renderTable(headed([["JOB", "ARTIFACT", "SIZE"], ...rows], style))}`;
}

function headed(rows: string[][], style: Style): string[][] {
  const [head, ...body] = rows;
  return head === undefined ? [] : [head.map((cell) => style.dim(cell)), ...body];
}
