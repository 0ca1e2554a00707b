import { childRunId } from "../run/child-run.ts";
import type { JobRecord, RunRecord } from "../run/records.ts";
import type { RunDetail, Store } from "../run/store.ts";

/** By the job's place in the plan, the runs that the newest attempts of trigger jobs have started, or taken over from lost ones. */
export async function findChildren(store: Store, { run, jobs }: RunDetail): Promise<Map<number, RunRecord>> {
  const starters = jobs.filter(({ index, attempt }) => attempt > 0 && run.plan.jobs[index]!.trigger !== null);
  const found = await Promise.all(starters.map((job) => findChild(store, job)));
  return new Map(
    starters.flatMap(({ index }, i) => {
      const child = found[i];
      return child === undefined ? [] : [[index, child] as const];
    }),
  );
}

/** The run that the newest attempt of a trigger job has started, or taken over from lost ones. */
export async function findChild(
  store: Store,
  { id: jobId, attempt }: JobRecord,
): Promise<RunRecord | undefined> {
  for (let number = attempt; number > 0; number -= 1) {
    const child = await store.readRunRecord(childRunId({ jobId, attempt: number }));
    if (child !== undefined) return child;
  }
}

/** `web/deploy #3 (manual); cicd play -p web/deploy JOB goes on with it`. */
export function describeChild(child: { pipeline: string; number: number; status: string }): string {
  const { pipeline, number, status } = child;
  const name = `${pipeline} #${number} (${status})`;
  return status === "manual" ? `${name}; cicd play -p ${pipeline} JOB goes on with it` : name;
}
