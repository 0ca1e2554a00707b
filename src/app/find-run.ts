import { CicdError } from "../errors/cicd-error.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { Trigger } from "../run/records.ts";
import type { RunDetail, RunFilter, Store } from "../run/store.ts";
import type { App } from "./app.ts";

/** Which recorded runs are meant: `-r -b -c -p --run`. */
export interface RunSelection {
  repo: string;
  branch?: string;
  commit?: string;
  pipeline?: string;
  number?: number;
}

/** Throws USAGE for what is no hash of a commit, nor at least 4 digits of one. */
export function checkCommit(commit: string): string {
  if (/^[0-9A-Fa-f]{4,64}$/.test(commit)) return commit;
  throw new CicdError(
    "USAGE",
    `--commit ${JSON.stringify(commit)} is no commit: at least 4 hexadecimal digits`,
  );
}

/** The store's filter for a selection of runs that are recorded under `repoKey`. */
export function toRunFilter(repoKey: string, selection: Omit<RunSelection, "repo">): RunFilter {
  const { branch, commit, pipeline, number } = selection;
  return {
    repoKey,
    ...(branch === undefined ? {} : { branch }),
    ...(commit === undefined ? {} : { commit: commit.toLowerCase() }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(number === undefined ? {} : { number }),
  };
}

/** What people start, and what they mean where they name no pipeline: not the runs that jobs of these have started. */
const OF_THEIR_OWN: Trigger[] = ["cli", "api", "push", "tag", "pull_request", "schedule"];

/**
 * The newest run that matches; without a pipeline none that another run has started, unless nothing else is left. Throws
 * NOT_FOUND, which says what there is instead. `--run` without a pipeline is accepted while only one has a run of that number.
 */
export async function findRun(app: App, filter: RunFilter): Promise<RunDetail> {
  const store = await app.store();
  const isUnambiguous = filter.pipeline !== undefined || filter.number === undefined;
  const find = (more: RunFilter) =>
    store.findRunDetails({ ...filter, ...more, limit: isUnambiguous ? 1 : 2 });
  let details = filter.pipeline === undefined ? await find({ triggers: OF_THEIR_OWN }) : await find({});
  if (details.length === 0 && filter.pipeline === undefined) details = await find({});
  const [first, second] = details;
  if (first === undefined) throw await explainNoRun(store, filter);
  if (second !== undefined) {
    throw new CicdError("NOT_FOUND", `several pipelines have a run #${filter.number}`, {
      hint: `name the pipeline: -p ${first.run.pipeline}`,
    });
  }
  return first;
}

/** A run by its id. Throws NOT_FOUND: there is none, or none any more. */
export async function readRun(app: App, runId: string): Promise<RunDetail> {
  const store = await app.store();
  const detail = await store.readRun(runId);
  if (detail !== undefined) return detail;
  throw new CicdError("NOT_FOUND", "there is no such run, or it has been deleted");
}

/** A NOT_FOUND error that names what is recorded: the nearest pipeline, its range of runs, or that there is nothing. */
export async function explainNoRun(store: Store, filter: RunFilter): Promise<CicdError> {
  const pipelines = filter.repoKey === undefined ? [] : await store.listPipelines(filter.repoKey);
  if (pipelines.length === 0) {
    return new CicdError("NOT_FOUND", "no run of this repository is recorded", {
      hint: "start one with: cicd run",
    });
  }
  const names = pipelines.map((pipeline) => pipeline.name);
  if (filter.pipeline !== undefined && !names.includes(filter.pipeline)) {
    return notFound(
      `no run of a pipeline "${filter.pipeline}" is recorded`,
      filter.pipeline,
      names,
      "pipelines",
    );
  }
  if (filter.number !== undefined) {
    const { branch: _branch, commit: _commit, number: _number, ...rest } = filter;
    const [newest] = await store.findRuns({ ...rest, limit: 1 });
    return new CicdError("NOT_FOUND", `there is no such run #${filter.number}`, {
      ...(newest === undefined ? {} : { hint: `the newest run of ${newest.pipeline} is #${newest.number}` }),
    });
  }
  return new CicdError("NOT_FOUND", "no recorded run matches", { hint: "see what there is with: cicd list" });
}

/** "no such X", with a did-you-mean, or all that there are when they are few. */
export function notFound(message: string, word: string, candidates: string[], plural: string): CicdError {
  const nearest = new Suggester().nearest(word, candidates);
  if (nearest !== undefined)
    return new CicdError("NOT_FOUND", message, { hint: `did you mean "${nearest}"?` });
  const shown = candidates.slice(0, 10).join(", ") + (candidates.length > 10 ? ", ..." : "");
  return new CicdError("NOT_FOUND", message, candidates.length === 0 ? {} : { hint: `${plural}: ${shown}` });
}
