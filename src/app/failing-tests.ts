import { type AttemptResults, type RunRecord, TERMINAL_RUN_STATUSES } from "../run/records.ts";
import type { RecordedTestFailure, RunDetail, Store } from "../run/store.ts";
import type { TestFailure } from "../run/test-results.ts";

/** A test that failed, or could not be carried out (`error`). */
export interface FailingTestJson extends TestFailure {
  /** It did not fail in the last earlier run of the branch in which its job had results. */
  isNew: boolean;
  /** The number of the run since which it has failed in each that had results, as far as the last 20 runs tell. */
  since: number;
}

/** Earlier runs that are looked at. */
const MOST_RUNS = 20;

/**
 * The failing tests of a run by the index of their job, new ones first. Compared are the finished runs of the same pipeline and
 * branch, where there are none those of the default branch. Nothing is read where no test failed.
 */
export async function findFailingTests(
  store: Store,
  detail: RunDetail,
): Promise<ReadonlyMap<number, FailingTestJson[]>> {
  const hasFailing = [...newestResults(detail).values()].some(({ tests }) => tests !== null && isRed(tests));
  if (!hasFailing) return new Map();
  const { run } = detail;
  const failures = await store.readTestFailures([run.id]);
  const streaks = failures.map((failure) => ({ failure, isOpen: true, isNew: false, since: run.number }));
  for (const earlier of await earlierRuns(store, run)) {
    const open = streaks.filter(({ isOpen }) => isOpen);
    if (open.length === 0) break;
    const tested = testedJobs(earlier);
    if (tested.size === 0) continue;
    const then = new Set((await store.readTestFailures([earlier.run.id])).map((one) => keyOf(earlier, one)));
    for (const streak of open) {
      if (!tested.has(jobName(detail, streak.failure))) continue;
      if (then.has(keyOf(detail, streak.failure))) streak.since = earlier.run.number;
      else {
        streak.isOpen = false;
        streak.isNew = streak.since === run.number;
      }
    }
  }
  const byJob = new Map<number, FailingTestJson[]>();
  for (const { failure, isNew, since } of streaks.sort((a, b) => Number(b.isNew) - Number(a.isNew))) {
    const { runId: _, job, ...test } = failure;
    byJob.set(job, [...(byJob.get(job) ?? []), { ...test, isNew, since }]);
  }
  return byJob;
}

/** Of the newest attempts, by job id; only those that brought something. */
export function newestResults({ jobs, attempts }: RunDetail): Map<string, AttemptResults> {
  const results = new Map<string, AttemptResults>();
  if (attempts.every((attempt) => attempt.results === null)) return results;
  const newest = new Map(jobs.map(({ id, attempt }) => [id, attempt]));
  for (const { jobId, number, results: found } of attempts)
    if (found !== null && newest.get(jobId) === number) results.set(jobId, found);
  return results;
}

/** Newest first. */
async function earlierRuns(store: Store, run: RunRecord): Promise<RunDetail[]> {
  const { branch, repo } = run.source;
  const find = (name: string | null) =>
    name === null
      ? []
      : store.findRunDetails({
          repoKey: repo.key,
          pipeline: run.pipeline,
          branch: name,
          statuses: [...TERMINAL_RUN_STATUSES],
          behind: { createdAt: run.createdAt, id: run.id },
          limit: MOST_RUNS,
        });
  const { defaultBranch } = run.plan.origin;
  const own = await find(branch);
  if (branch === defaultBranch || own.some((earlier) => testedJobs(earlier).size > 0)) return own;
  return find(defaultBranch);
}

/** Names of the jobs whose tests were read. */
function testedJobs(detail: RunDetail): Set<string> {
  const results = newestResults(detail);
  const tested = detail.jobs.filter(({ id }) => results.get(id)?.tests != null);
  return new Set(tested.map(({ name }) => name));
}

function jobName({ jobs }: RunDetail, { job }: RecordedTestFailure): string {
  return jobs[job]!.name;
}

function keyOf(detail: RunDetail, failure: RecordedTestFailure): string {
  return JSON.stringify([jobName(detail, failure), failure.suite, failure.className, failure.name]);
}

function isRed({ failed, errors }: { failed: number; errors: number }): boolean {
  return failed + errors > 0;
}
