import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";
import { findChildren } from "./child-runs.ts";
import { findFailingTests } from "./failing-tests.ts";
import { type JobJson, type RunJson, toRunJsons } from "./shapes.ts";

/** What users see of one run, with its failing tests. */
export async function describeRun(app: App, detail: RunDetail): Promise<RunJson> {
  const [run] = await toRunJsons(app, [detail]);
  return withChildren(app, await withFailingTests(app, run!, detail), detail);
}

export async function withFailingTests(app: App, run: RunJson, detail: RunDetail): Promise<RunJson> {
  const failing = await findFailingTests(await app.store(), detail);
  return withMore(run, detail, failing, (failingTests) => ({ failingTests }));
}

/** Which runs its jobs have started. */
export async function withChildren(app: App, run: RunJson, detail: RunDetail): Promise<RunJson> {
  const children = await findChildren(await app.store(), detail);
  return withMore(run, detail, children, ({ id, pipeline, number, status }) => ({
    child: { id, pipeline, number, status },
  }));
}

/** `known`: by the job's place in the plan. */
function withMore<T>(
  run: RunJson,
  { jobs }: RunDetail,
  known: ReadonlyMap<number, T>,
  describe: (value: T) => Partial<JobJson>,
): RunJson {
  if (known.size === 0) return run;
  const indexes = new Map(jobs.map(({ name, index }) => [name, index]));
  const stages = run.stages.map((stage) => ({
    ...stage,
    jobs: stage.jobs.map((job) => {
      const value = known.get(indexes.get(job.name)!);
      return value === undefined ? job : { ...job, ...describe(value) };
    }),
  }));
  return { ...run, stages };
}
