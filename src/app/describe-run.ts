import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";
import { findFailingTests } from "./failing-tests.ts";
import { type RunJson, toRunJsons } from "./shapes.ts";

/** What users see of one run, with its failing tests. */
export async function describeRun(app: App, detail: RunDetail): Promise<RunJson> {
  const [run] = await toRunJsons(app, [detail]);
  return withFailingTests(app, run!, detail);
}

export async function withFailingTests(app: App, run: RunJson, detail: RunDetail): Promise<RunJson> {
  const failing = await findFailingTests(await app.store(), detail);
  if (failing.size === 0) return run;
  const indexes = new Map(detail.jobs.map(({ name, index }) => [name, index]));
  const stages = run.stages.map((stage) => ({
    ...stage,
    jobs: stage.jobs.map((job) => {
      const failingTests = failing.get(indexes.get(job.name)!);
      return failingTests === undefined ? job : { ...job, failingTests };
    }),
  }));
  return { ...run, stages };
}
