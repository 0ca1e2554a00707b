import type { JobLine, RunFilter, RunLine, Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { findFailingTests } from "./failing-tests.ts";
import { isQueued, listQueueWorkers, whyWaiting } from "./queue-workers.ts";
import type { FailingTestOfRun, Report, ReportForm } from "./report.ts";
import { summarizeJobs, toJobLineJson, toRunLineJson } from "./shapes.ts";

/**
 * The forms over all runs, with what a table shows of each. Undefined for the other forms, and where nothing is found: then it is to
 * be said what there is instead.
 */
export async function reportLines(
  app: App,
  form: ReportForm,
  filter: RunFilter,
): Promise<Report | undefined> {
  const store = await app.store();
  const now = app.now();
  if (form.kind === "runs") {
    const runs = await store.findRunLines(filter);
    if (runs.length === 0) return undefined;
    const failingTests = await failingTestsOf(store, filter, runs[0]!);
    const lines = { runs: runs.map((run) => toRunLineJson(run, now)) };
    return failingTests.length === 0 ? lines : { ...lines, failingTests };
  }
  if (form.kind !== "stages" && form.kind !== "jobs") return undefined;
  const lines = await store.findJobLines(filter, form);
  if (lines.length === 0) return undefined;
  if (form.kind === "stages") {
    const stages = byRun(lines).map((jobs) => ({
      run: jobs[0]!.number,
      name: form.stage,
      ...summarizeJobs(jobs, now),
      jobCount: jobs.length,
    }));
    return { stages };
  }
  const workers = lines.some((line) => isQueued(line, line)) ? await listQueueWorkers(app) : [];
  const jobs = lines.map((line) => {
    const note = whyWaiting(line, line, workers) ?? null;
    return { run: line.number, ...toJobLineJson(line, line.plan.jobs[line.index]!, note, now) };
  });
  return { jobs };
}

/** Nothing is read where the run went well. */
async function failingTestsOf(
  store: Store,
  filter: RunFilter,
  { number, status, warnings }: RunLine,
): Promise<FailingTestOfRun[]> {
  if (status !== "failed" && !warnings) return [];
  const [detail] = await store.findRunDetails({ ...filter, number, limit: 1 });
  if (detail === undefined) return [];
  const byJob = await findFailingTests(store, detail);
  const tests = [...byJob].flatMap(([index, found]) =>
    found.map((test) => ({ run: number, job: detail.jobs[index]!.name, ...test })),
  );
  return tests.sort((a, b) => Number(b.isNew) - Number(a.isNew));
}

/** Lines of one run follow each other; all are of one pipeline, in which a number is unique. */
function byRun(lines: JobLine[]): JobLine[][] {
  const runs: JobLine[][] = [];
  let current: JobLine[] = [];
  for (const line of lines) {
    if (current[0]?.number !== line.number) {
      current = [];
      runs.push(current);
    }
    current.push(line);
  }
  return runs;
}
