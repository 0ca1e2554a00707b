import { reportCycles } from "./check-cycles.ts";
import { checkDelay } from "./check-delays.ts";
import type { DiagnosticCode } from "./diagnostic.ts";
import { type JobValue, MAX_JOBS, MAX_NEEDS, type NeedValue, type PipelineValue } from "./keywords/native.ts";
import { combinations, instanceNames } from "./keywords/parallel.ts";
import type { MatrixRow } from "./pipeline.ts";
import type { ReadContext } from "./shape.ts";
import type { Report, Span } from "./source.ts";

interface JobEntry {
  name: string;
  keySpan: Span;
  value: JobValue | undefined;
  stage: string | undefined;
}

type JobsValue = {
  values: Pick<PipelineValue["values"], "stages" | "jobs" | "default">;
  keySpans: Map<string, Span>;
};

export interface JobRules {
  imageRequired: boolean;
  /** Where the file lists none. */
  stages: readonly string[];
  /** Stages that are there besides those listed. */
  edges: readonly string[];
  /** Of a job that names none; undefined: such a job was reported. */
  stage: string | undefined;
}

type StageIndex = Map<string, number>;

/** What no shape of one value can tell: names that must exist, images that come from elsewhere, order, circles. */
export function checkJobs(pipeline: JobsValue, rules: JobRules, context: ReadContext): void {
  const { stages, jobs: jobMap, default: defaults } = pipeline.values;
  const stageIndex = checkStages(stages, rules, context);
  const stagesKnown = stages !== undefined || !pipeline.keySpans.has("stages");
  const jobs = new Map<string, JobEntry>();
  jobMap?.forEach((job, name) => {
    jobs.set(name, { name, keySpan: job.keySpan, value: job.value, stage: stageOf(job, rules) });
  });
  checkCount(jobs, context);
  const imageByDefault =
    !rules.imageRequired || (defaults?.keySpans.has("image") ?? pipeline.keySpans.has("default"));
  for (const job of jobs.values()) {
    if (job.value === undefined) continue;
    if (stagesKnown) checkStage(job, stageIndex, stages === undefined, context);
    if (!hasImage(job.value, imageByDefault, rules)) reportNoImage(job, rules, context);
    checkNeeds(job, job.value, jobs, stageIndex, context);
    checkDelay(job.value, context);
    if (job.value.values.dependencies !== undefined)
      checkDependencies(job, job.value, jobs, stageIndex, context);
  }
  reportCycles(needEdges(jobs), context.report);
}

function stageOf({ value }: { value: JobValue | undefined }, { stage }: JobRules): string | undefined {
  return value?.values.stage?.value ?? (value?.keySpans.has("stage") ? undefined : stage);
}

function hasImage(job: JobValue, byDefault: boolean, { imageRequired }: JobRules): boolean {
  if (!imageRequired || job.keySpans.has("image") || job.keySpans.has("trigger")) return true;
  const inherited = job.values.inherit?.values.default ?? true;
  return byDefault && (typeof inherited === "boolean" ? inherited : inherited.includes("image"));
}

function reportNoImage(job: JobEntry, { stage }: JobRules, { report }: ReadContext): void {
  const elsewhere = stage === undefined ? "" : ", or set default_image (CICD_DEFAULT_IMAGE)";
  const hint = `write "image:" in the job, or once under "default:"${elsewhere}`;
  report.error("CONFIG_MISSING_IMAGE", job.keySpan, `the job "${job.name}" has no image`, hint);
}

function checkStages(
  stages: { value: string; span: Span }[] | undefined,
  { stages: byDefault, edges }: JobRules,
  { report }: ReadContext,
): StageIndex {
  const [before, after] = edges;
  const index: StageIndex = new Map(before === undefined ? [] : [[before, -1]]);
  const listed = stages ?? byDefault.map((value) => ({ value, span: undefined }));
  for (const { value, span } of listed) {
    if (edges.includes(value)) continue;
    if (index.has(value) && span !== undefined)
      report.error("CONFIG_DUPLICATE_KEY", span, `the stage "${value}" stands here twice`, "remove one");
    else index.set(value, index.size);
  }
  if (after !== undefined) index.set(after, index.size);
  return index;
}

/** Jobs as often as `parallel` multiplies them, and names that this gives to two. */
function checkCount(jobs: Map<string, JobEntry>, { report }: ReadContext): void {
  let count = 0;
  let first: JobEntry | undefined;
  for (const job of jobs.values()) {
    const parallel = job.value?.values.parallel;
    const names = parallel === undefined ? [] : instanceNames(job.name, parallel);
    count += parallel === undefined ? 1 : names.length;
    if (count > MAX_JOBS) first ??= job;
    const taken = names.find((name) => jobs.has(name));
    if (taken === undefined) continue;
    const message = `two jobs would be named "${taken}": "${job.name}" is run that often`;
    report.error("CONFIG_PARALLEL", jobs.get(taken)!.keySpan, message, "rename one of them");
  }
  if (first === undefined) return;
  const message = `${count} jobs; ${MAX_JOBS} are supported`;
  report.error(
    "CONFIG_TOO_MANY_JOBS",
    first.keySpan,
    message,
    "split the pipeline, or make the matrices smaller",
  );
}

function checkStage(job: JobEntry, stageIndex: StageIndex, byDefault: boolean, context: ReadContext): void {
  const { stage, value } = job;
  if (stage === undefined || stageIndex.has(stage)) return;
  const names = [...stageIndex.keys()];
  const shown = names.length > 12 ? `${names.slice(0, 12).join(", ")}, ...` : names.join(", ");
  const hint =
    context.suggester.hint(stage, names) ??
    `the stages are ${shown}${byDefault ? '; others need a "stages:" list' : ""}`;
  const span = value?.values.stage?.span ?? job.keySpan;
  context.report.error("CONFIG_UNKNOWN_STAGE", span, `there is no stage "${stage}"`, hint);
}

function checkNeeds(
  job: JobEntry,
  value: JobValue,
  jobs: Map<string, JobEntry>,
  stageIndex: StageIndex,
  context: ReadContext,
): void {
  checkNeedList(job, value.values.needs, value.keySpans.get("needs"), jobs, stageIndex, context);
  if (value.values.rules === undefined) return;
  for (const { values, keySpans } of value.values.rules) {
    if (values.needs !== undefined)
      checkNeedList(job, values.needs, keySpans.get("needs"), jobs, stageIndex, context);
  }
}

function checkNeedList(
  job: JobEntry,
  needs: NeedValue[] | undefined,
  keySpan: Span | undefined,
  jobs: Map<string, JobEntry>,
  stageIndex: StageIndex,
  context: ReadContext,
): void {
  if (needs === undefined) return;
  if (needs.length > MAX_NEEDS) {
    const message = `${needs.length} needs; ${MAX_NEEDS} are supported`;
    context.report.error(
      "CONFIG_TOO_MANY_JOBS",
      keySpan ?? job.keySpan,
      message,
      "let an earlier job gather them",
    );
    return;
  }
  const seen = new Set<string>();
  for (const need of needs) {
    const named = need.values.job;
    if (named === undefined) continue;
    if (seen.has(named.value) && need.values.parallel === undefined) {
      context.report.error(
        "CONFIG_DUPLICATE_KEY",
        named.span,
        `"${named.value}" is needed twice`,
        "remove one",
      );
      continue;
    }
    seen.add(named.value);
    checkNeed(job, need, jobs, stageIndex, context);
  }
}

function checkNeed(
  job: JobEntry,
  need: NeedValue,
  jobs: Map<string, JobEntry>,
  stageIndex: StageIndex,
  { report, suggester }: ReadContext,
): void {
  const { value: name, span } = need.values.job!;
  const needed = jobs.get(name);
  if (needed === undefined) {
    if (need.values.optional === true) return;
    const hint =
      suggester.hint(name, jobs.keys(), job.name) ??
      `add the job, or write { job: ${JSON.stringify(name)}, optional: true }`;
    report.error("CONFIG_UNKNOWN_NEED", span, `there is no job "${name}"`, hint);
    return;
  }
  const rows = need.values.parallel?.values.matrix;
  if (rows !== undefined && needed.value !== undefined)
    checkMatrixNeed(needed, needed.value, rows, span, report);
  const own = stageIndex.get(job.stage ?? "");
  const theirs = stageIndex.get(needed.stage ?? "");
  if (own === undefined || theirs === undefined || theirs <= own) return;
  const stages = `"${needed.stage}" is after "${job.stage}"`;
  report.error(
    "CONFIG_NEED_LATER_STAGE",
    span,
    `the job "${name}" belongs to a later stage: ${stages}`,
    "a job can need jobs of its own and of earlier stages",
  );
}

/** Some instance has to have the values of each row. */
function checkMatrixNeed(
  needed: JobEntry,
  value: JobValue,
  rows: MatrixRow[],
  span: Span,
  report: Report,
): void {
  const parallel = value.values.parallel;
  if (parallel === undefined && value.keySpans.has("parallel")) return;
  const instances = parallel?.kind === "matrix" ? combinations(parallel.rows) : [];
  for (const row of rows) {
    const fits = (instance: Record<string, string>) =>
      row.every(({ name, values }) => Object.hasOwn(instance, name) && values.includes(instance[name]!));
    if (instances.some(fits)) continue;
    const said = row.map(({ name, values }) => `${name}=${values.join("|")}`).join(", ");
    const hint = "name variables of its matrix, and values that stand there";
    report.error("CONFIG_NEED_MATRIX", span, `no job of "${needed.name}" has ${said.slice(0, 200)}`, hint);
  }
}

function checkDependencies(
  job: JobEntry,
  { values }: JobValue,
  jobs: Map<string, JobEntry>,
  stageIndex: StageIndex,
  { report, suggester }: ReadContext,
): void {
  const needed = values.needs && new Set(values.needs.map((need) => need.values.job?.value));
  for (const { value: name, span } of values.dependencies ?? []) {
    const found = jobs.get(name) ?? jobOfInstance(name, jobs);
    const fail = (code: DiagnosticCode, message: string, hint: string) =>
      report.error(code, span, message, hint);
    if (found === undefined) {
      const hint = suggester.hint(name, jobs.keys(), job.name) ?? "name a job of an earlier stage";
      fail("CONFIG_UNKNOWN_NEED", `there is no job "${name}"`, hint);
    } else if (needed !== undefined && !needed.has(found.name)) {
      fail("CONFIG_UNKNOWN_NEED", `the job does not need "${name}"`, 'put it into "needs", too');
    } else if (needed === undefined) {
      const own = stageIndex.get(job.stage ?? "");
      const theirs = stageIndex.get(found.stage ?? "");
      if (own === undefined || theirs === undefined || theirs < own) continue;
      const message = `the job "${name}" is of no earlier stage`;
      fail("CONFIG_NEED_LATER_STAGE", message, "without needs, artifacts come from earlier stages alone");
    }
  }
}

/** The job that is multiplied, among others, to one of this name. */
function jobOfInstance(name: string, jobs: Map<string, JobEntry>): JobEntry | undefined {
  for (const job of jobs.values()) {
    const parallel = name.startsWith(job.name) ? job.value?.values.parallel : undefined;
    if (parallel !== undefined && instanceNames(job.name, parallel).includes(name)) return job;
  }
}

/** Of the jobs that need any. */
function needEdges(jobs: Map<string, JobEntry>): Map<string, { job: string; span: Span }[]> {
  const edges = new Map<string, { job: string; span: Span }[]>();
  for (const { name, value } of jobs.values()) {
    if (value?.values.needs === undefined) continue;
    const needs = value.values.needs.flatMap((need) => need.values.job ?? []);
    edges.set(
      name,
      needs.filter((need) => jobs.has(need.value)).map((need) => ({ job: need.value, span: need.span })),
    );
  }
  return edges;
}
