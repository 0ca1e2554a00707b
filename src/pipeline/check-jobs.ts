import { reportCycles } from "./check-cycles.ts";
import {
  DEFAULT_STAGES,
  type JobValue,
  MAX_JOBS,
  MAX_NEEDS,
  type NeedValue,
  type PipelineValue,
} from "./keywords/native.ts";
import type { ReadContext } from "./shape.ts";
import type { Span } from "./source.ts";

interface JobEntry {
  name: string;
  keySpan: Span;
  value: JobValue | undefined;
}

/** What no shape of one value can tell: names that must exist, images that come from elsewhere, order, circles. */
export function checkJobs(pipeline: PipelineValue, imageRequired: boolean, context: ReadContext): void {
  const { stages, jobs: jobMap, default: defaults } = pipeline.values;
  const stageIndex = checkStages(stages, context);
  const stagesKnown = stages !== undefined || !pipeline.keySpans.has("stages");
  const jobs = new Map([...(jobMap ?? [])].map(([name, job]) => [name, { name, ...job }]));
  checkCount(jobs, context);
  const imageGiven = !imageRequired || (defaults?.keySpans.has("image") ?? pipeline.keySpans.has("default"));
  for (const job of jobs.values()) {
    if (job.value === undefined) continue;
    if (stagesKnown) checkStage(job.value, stageIndex, stages === undefined, context);
    if (!imageGiven && !job.value.keySpans.has("image")) {
      const hint = `write "image:" in the job, or once under "default:"`;
      context.report.error("CONFIG_MISSING_IMAGE", job.keySpan, `the job "${job.name}" has no image`, hint);
    }
    checkNeeds(job, job.value, jobs, stageIndex, context);
  }
  reportCycles(needEdges(jobs), context.report);
}

function checkStages(
  stages: { value: string; span: Span }[] | undefined,
  { report }: ReadContext,
): Map<string, number> {
  const index = new Map<string, number>();
  if (stages === undefined) return new Map(DEFAULT_STAGES.map((stage, position) => [stage, position]));
  for (const { value, span } of stages) {
    if (index.has(value))
      report.error("CONFIG_DUPLICATE_KEY", span, `the stage "${value}" stands here twice`, "remove one");
    else index.set(value, index.size);
  }
  return index;
}

function checkCount(jobs: Map<string, JobEntry>, { report }: ReadContext): void {
  if (jobs.size <= MAX_JOBS) return;
  const first = [...jobs.values()][MAX_JOBS]!;
  report.error(
    "CONFIG_TOO_MANY_JOBS",
    first.keySpan,
    `${jobs.size} jobs; ${MAX_JOBS} are supported`,
    "split the pipeline",
  );
}

function checkStage(
  job: JobValue,
  stageIndex: Map<string, number>,
  byDefault: boolean,
  context: ReadContext,
): void {
  const stage = job.values.stage;
  if (stage === undefined || stageIndex.has(stage.value)) return;
  const names = [...stageIndex.keys()];
  const shown = names.length > 12 ? `${names.slice(0, 12).join(", ")}, ...` : names.join(", ");
  const hint =
    context.suggester.hint(stage.value, names) ??
    `the stages are ${shown}${byDefault ? '; others need a "stages:" list' : ""}`;
  context.report.error("CONFIG_UNKNOWN_STAGE", stage.span, `there is no stage "${stage.value}"`, hint);
}

function checkNeeds(
  job: JobEntry,
  value: JobValue,
  jobs: Map<string, JobEntry>,
  stageIndex: Map<string, number>,
  context: ReadContext,
): void {
  const needs = value.values.needs ?? [];
  if (needs.length > MAX_NEEDS) {
    const message = `${needs.length} needs; ${MAX_NEEDS} are supported`;
    context.report.error(
      "CONFIG_TOO_MANY_JOBS",
      value.keySpans.get("needs")!,
      message,
      "let an earlier job gather them",
    );
    return;
  }
  const seen = new Set<string>();
  for (const need of needs) {
    const named = need.values.job;
    if (named === undefined) continue;
    if (seen.has(named.value)) {
      context.report.error(
        "CONFIG_DUPLICATE_KEY",
        named.span,
        `"${named.value}" is needed twice`,
        "remove one",
      );
      continue;
    }
    seen.add(named.value);
    checkNeed(job, value, need, jobs, stageIndex, context);
  }
}

function checkNeed(
  job: JobEntry,
  value: JobValue,
  need: NeedValue,
  jobs: Map<string, JobEntry>,
  stageIndex: Map<string, number>,
  { report, suggester }: ReadContext,
): void {
  const { value: name, span } = need.values.job!;
  const needed = jobs.get(name);
  if (needed === undefined) {
    if (need.values.optional === true) return;
    const hint =
      suggester.hint(name, jobs.keys(), job.name) ?? `add the job, or write { job: ${name}, optional: true }`;
    report.error("CONFIG_UNKNOWN_NEED", span, `there is no job "${name}"`, hint);
    return;
  }
  const own = stageIndex.get(value.values.stage?.value ?? "");
  const theirs = stageIndex.get(needed.value?.values.stage?.value ?? "");
  if (own === undefined || theirs === undefined || theirs <= own) return;
  const stages = `"${needed.value?.values.stage?.value}" is after "${value.values.stage?.value}"`;
  report.error(
    "CONFIG_NEED_LATER_STAGE",
    span,
    `the job "${name}" belongs to a later stage: ${stages}`,
    "a job can need jobs of its own and of earlier stages",
  );
}

function needEdges(jobs: Map<string, JobEntry>): Map<string, { job: string; span: Span }[]> {
  const edges = new Map<string, { job: string; span: Span }[]>();
  for (const { name, value } of jobs.values()) {
    const needs = (value?.values.needs ?? []).flatMap((need) => need.values.job ?? []);
    edges.set(
      name,
      needs.filter((need) => jobs.has(need.value)).map((need) => ({ job: need.value, span: need.span })),
    );
  }
  return edges;
}
