import { assertNever } from "../errors/assert-never.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { RunFilter, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { withChildren, withFailingTests } from "./describe-run.ts";
import type { FailingTestJson } from "./failing-tests.ts";
import { explainNoRun, notFound } from "./find-run.ts";
import { reportLines } from "./report-lines.ts";
import {
  type JobJson,
  type JobLineJson,
  type RunJson,
  type RunLineJson,
  type StageJson,
  type StageLineJson,
  toRunJsons,
} from "./shapes.ts";

/** The seven questions a report answers. */
export type ReportForm =
  | { kind: "pipelines" }
  | { kind: "runs"; pipeline: string }
  | { kind: "run"; pipeline: string; number: number }
  | { kind: "stages"; pipeline: string; stage: string }
  | { kind: "stage"; pipeline: string; number: number; stage: string }
  | { kind: "jobs"; pipeline: string; stage: string; job: string }
  | { kind: "job"; pipeline: string; number: number; stage: string; job: string };

/** What a report is about, of one repository. */
export interface ReportQuery {
  pipeline?: string;
  number?: number;
  stage?: string;
  job?: string;
  /** Only the newest so many runs, in the forms over all runs. */
  limit?: number;
  /** In the forms over all runs only what a table shows of each: a fraction of the reading where there are thousands. */
  summariesOnly?: boolean;
}

/** Of the newest run, with its number and the name of the job. */
export type FailingTestOfRun = FailingTestJson & { run: number; job: string };

/** The answers, in the shapes of `report --json`. */
export type Report =
  | { pipelines: { name: string; runs: number; lastRun: RunJson }[] }
  | { runs: RunJson[] }
  | { runs: RunLineJson[]; failingTests?: FailingTestOfRun[] }
  | { run: RunJson }
  | { stages: ({ run: number } & StageJson)[] }
  | { stages: ({ run: number } & StageLineJson)[] }
  | { stage: StageJson }
  | { jobs: ({ run: number } & JobJson)[] }
  | { jobs: ({ run: number } & JobLineJson)[] }
  | { job: JobJson };

export const REPORT_FORMS = [
  "(nothing)",
  "-p",
  "-p --run",
  "-p -s",
  "-p --run -s",
  "-p -s -j",
  "-p --run -s -j",
] as const;

/** Throws USAGE for a combination that is none of the seven, with the valid ones in the hint. */
export function reportForm(request: ReportQuery): ReportForm {
  const { pipeline, number, stage, job } = request;
  if (pipeline === undefined) {
    if (number === undefined && stage === undefined && job === undefined) return { kind: "pipelines" };
    throw invalidForm("a report about runs, stages or jobs needs a pipeline (-p)");
  }
  if (stage === undefined) {
    if (job !== undefined) throw invalidForm("a report about a job needs its stage (-s)");
    return number === undefined ? { kind: "runs", pipeline } : { kind: "run", pipeline, number };
  }
  if (job === undefined) {
    return number === undefined
      ? { kind: "stages", pipeline, stage }
      : { kind: "stage", pipeline, number, stage };
  }
  return number === undefined
    ? { kind: "jobs", pipeline, stage, job }
    : { kind: "job", pipeline, number, stage, job };
}

function invalidForm(message: string): CicdError {
  return new CicdError("USAGE", message, { hint: `valid combinations: ${REPORT_FORMS.join(" · ")}` });
}

/** Throws USAGE, NOT_FOUND, and what the store throws. */
export async function report(app: App, repoKey: string, request: ReportQuery): Promise<Report> {
  const form = reportForm(request);
  const store = await app.store();
  const filter: RunFilter = { repoKey };
  if (form.kind === "pipelines") return reportPipelines(app, store, filter);
  const limit = request.limit === undefined ? {} : { limit: request.limit };
  const number = "number" in form ? { number: form.number } : limit;
  const wanted = { ...filter, pipeline: form.pipeline, ...number };
  const lines = request.summariesOnly === true ? await reportLines(app, form, wanted) : undefined;
  if (lines !== undefined) return lines;
  const details = await store.findRunDetails(wanted);
  const [newest, ...others] = await toRunJsons(app, details);
  if (newest === undefined) throw await explainNoRun(store, wanted);
  const first = await withChildren(app, await withFailingTests(app, newest, details[0]!), details[0]!);
  const runs = [first, ...others];
  switch (form.kind) {
    case "runs":
      return { runs };
    case "run":
      return { run: first };
    case "stages":
      return {
        stages: findStages(runs, form.stage).map(({ run, stage }) => ({ run: run.number, ...stage })),
      };
    case "stage":
      return { stage: findStages(runs, form.stage)[0]!.stage };
    case "jobs":
      return {
        jobs: findJobs(runs, form.stage, form.job).map(({ run, job }) => ({ run: run.number, ...job })),
      };
    case "job":
      return { job: findJobs(runs, form.stage, form.job)[0]!.job };
    default:
      return assertNever(form);
  }
}

/** One statement per pipeline for its last run, however many runs there are. */
async function reportPipelines(
  app: App,
  store: Store,
  filter: RunFilter & { repoKey?: string },
): Promise<Report> {
  const pipelines = await store.listPipelines(filter.repoKey ?? "");
  const last = await Promise.all(
    pipelines.map((pipeline) => store.findRunDetails({ ...filter, pipeline: pipeline.name, limit: 1 })),
  );
  const shown = await toRunJsons(app, last.flat());
  return {
    pipelines: pipelines.flatMap(({ name, runs }) => {
      const lastRun = shown.find((run) => run.pipeline === name);
      return lastRun === undefined ? [] : [{ name, runs, lastRun }];
    }),
  };
}

/** That stage in the runs that have it. Throws NOT_FOUND when none has. */
function findStages(runs: RunJson[], name: string): { run: RunJson; stage: StageJson }[] {
  const found = runs.flatMap((run) =>
    run.stages.filter((stage) => stage.name === name).map((stage) => ({ run, stage })),
  );
  if (found.length > 0) return found;
  const names = new Set(runs.flatMap((run) => run.stages.map((stage) => stage.name)));
  throw notFound(`there is no stage "${name}"${inRun(runs)}`, name, [...names], "stages");
}

function findJobs(runs: RunJson[], stageName: string, name: string): { run: RunJson; job: JobJson }[] {
  const stages = findStages(runs, stageName);
  const found = stages.flatMap(({ run, stage }) =>
    stage.jobs.filter((job) => job.name === name).map((job) => ({ run, job })),
  );
  if (found.length > 0) return found;
  const names = new Set(stages.flatMap(({ stage }) => stage.jobs.map((job) => job.name)));
  throw notFound(`stage "${stageName}" has no job "${name}"${inRun(runs)}`, name, [...names], "jobs");
}

function inRun(runs: RunJson[]): string {
  const [only, more] = runs;
  return only === undefined || more !== undefined ? "" : ` in run #${only.number} of ${only.pipeline}`;
}
