import type { QueryOf } from "../../api/routes.ts";
import type { App } from "../../app/app.ts";
import { cancelRun, stopRun } from "../../app/cancel-runs.ts";
import { describeRun } from "../../app/describe-run.ts";
import { explainRecorded } from "../../app/explain-job.ts";
import { findRun, readRun, toRunFilter } from "../../app/find-run.ts";
import { playJobs } from "../../app/play-jobs.ts";
import { report } from "../../app/report.ts";
import { reopenRun } from "../../app/retry-run.ts";
import { toRunSummaryJson } from "../../app/shapes.ts";
import { traceRun } from "../../app/trace-run.ts";
import { waitForEnd } from "../../app/wait-for-end.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import type { RunRecord } from "../../run/records.ts";
import type { RunDetail, RunFilter } from "../../run/store.ts";
import type { Handlers } from "../handler.ts";
import type { Context } from "../parts.ts";
import { repoKeyOf } from "../repo-key.ts";

const DEFAULT_PAGE = 50;

export const runHandlers: Handlers<
  | "listRuns"
  | "findRun"
  | "readRun"
  | "cancelRun"
  | "stopRun"
  | "retryRun"
  | "playRun"
  | "traceRun"
  | "explainRun"
  | "report"
  | "listPipelines"
> = {
  async listRuns({ query }, context) {
    const { app } = context;
    const limit = query.limit ?? DEFAULT_PAGE;
    const filter = await toFilter(query, context);
    const found = await (await app.store()).findRuns({ ...filter, limit: limit + 1 });
    const runs = found.slice(0, limit);
    const now = app.now();
    return {
      runs: runs.map((run) => toRunSummaryJson(run, now)),
      nextCursor: found.length > limit ? encodeCursor(runs.at(-1)!) : null,
    };
  },

  async findRun({ query }, { app, signal }) {
    const { repo, ...selection } = query;
    const filter = toRunFilter(await repoKeyOf(app, repo, signal), selection);
    return describeRun(app, await findRun(app, filter));
  },

  async readRun({ params }, { app }) {
    return describeRun(app, await readRun(app, params.run));
  },

  async cancelRun({ params, body }, context) {
    const { app, signal, closing } = context;
    const asked = await cancelRun(app, params.run, { actor: actorOf(context) });
    if (asked.isOver || body.waitMs === 0) return asked;
    context.mayIdle();
    const waiting = AbortSignal.any([signal, closing]);
    return { ...asked, ...(await waitForEnd(app, params.run, body.waitMs, waiting)) };
  },

  async stopRun({ params }, context) {
    return stopRun(context.app, params.run, { actor: actorOf(context) });
  },

  async retryRun({ params, body }, context) {
    const { app, signal } = context;
    const detail = await readQueued(app, params.run, "retried");
    return reopenRun(app, detail, { jobs: body.jobs, actor: actorOf(context) }, signal);
  },

  async playRun({ params, body }, context) {
    const { app, signal } = context;
    const detail = await readQueued(app, params.run, "played");
    const { isOurs: _, ...played } = await playJobs(
      app,
      detail,
      { jobs: body.jobs, actor: actorOf(context) },
      signal,
    );
    return played;
  },

  async traceRun({ params }, { app }) {
    return traceRun(app, params.run);
  },

  async explainRun({ params }, { app }) {
    return explainRecorded(app, params.run, params.job);
  },

  async report({ query }, { app, signal }) {
    const { repo, ...request } = query;
    return report(app, await repoKeyOf(app, repo, signal), request);
  },

  async listPipelines({ query }, { app, signal }) {
    const store = await app.store();
    return { pipelines: await store.listPipelines(await repoKeyOf(app, query.repo, signal)) };
  },
};

/** Throws NOT_SUPPORTED for a run that a process of its own drives. */
async function readQueued(app: App, runId: string, doing: string): Promise<RunDetail> {
  const detail = await readRun(app, runId);
  if (detail.run.mode === "queue") return detail;
  throw new CicdError("NOT_SUPPORTED", "this run is not of the server's queue", {
    hint: `it is ${doing} by the cicd that made it, without --server`,
  });
}

/** Recorded with what was asked for. */
function actorOf({ token }: Context): string {
  return `token:${token?.name ?? "none"}`;
}

async function toFilter(query: QueryOf<"listRuns">, { app, signal }: Context): Promise<RunFilter> {
  const { repo, status, trigger, sort, cursor, limit: _limit, ...selection } = query;
  const { repoKey, ...fields } = toRunFilter(
    repo === undefined ? "" : await repoKeyOf(app, repo, signal),
    selection,
  );
  return {
    ...fields,
    ...(repo === undefined || repoKey === undefined ? {} : { repoKey }),
    ...(status === undefined ? {} : { statuses: status }),
    ...(trigger === undefined ? {} : { triggers: trigger }),
    ...(sort === "createdAt" ? { oldestFirst: true } : {}),
    ...(cursor === undefined ? {} : { behind: decodeCursor(cursor) }),
  };
}

/** The last run of a page: `CREATED.ID`, the time to base 36. */
function encodeCursor({ createdAt, id }: RunRecord): string {
  return `${createdAt.toString(36)}.${id}`;
}

/** Of a text in the form that the query's schema demands. */
function decodeCursor(cursor: string): { createdAt: number; id: string } {
  const [createdAt = "", id = ""] = cursor.split(".");
  return { createdAt: Number.parseInt(createdAt, 36), id };
}
