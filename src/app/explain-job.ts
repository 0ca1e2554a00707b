import type { App } from "./app.ts";
import { findChildren } from "./child-runs.ts";
import { factsFor, loadToPlan } from "./dry-run.ts";
import { explainPlans } from "./explain-plan.ts";
import { explainRun } from "./explain-run.ts";
import type { ExplanationJson } from "./explanation.ts";
import { readRun } from "./find-run.ts";
import { findQueueWorkers } from "./queue-workers.ts";
import type { LoadedFile, PipelineSelection } from "./run-request.ts";
import { findHolders } from "./why-held-up.ts";

export type Explained =
  | { kind: "explained"; explanations: ExplanationJson[] }
  | { kind: "invalid"; files: LoadedFile[] };

/** Why a job would run or not, of each selected pipeline that has it; nothing is started. Throws NOT_FOUND and as `dryRun` does. */
export async function explainPlanned(
  app: App,
  request: PipelineSelection & { variables: Record<string, string> },
  job: string,
  signal: AbortSignal,
): Promise<Explained> {
  const files = await loadToPlan(app, request, signal);
  if (files.some(({ pipeline }) => pipeline === undefined)) return { kind: "invalid", files };
  const facts = await factsFor(app, files, request, signal);
  const choice = { job, variables: request.variables };
  return { kind: "explained", explanations: await explainPlans(files, choice, facts) };
}

/** Why a job of a recorded run is as it is. Throws NOT_FOUND. */
export async function explainRecorded(app: App, runId: string, job: string): Promise<ExplanationJson> {
  const detail = await readRun(app, runId);
  const workers = await findQueueWorkers(app, [detail]);
  const children = await findChildren(await app.store(), detail);
  return explainRun(detail, job, {
    ...{ now: app.now(), workers, children },
    holders: await findHolders(app, [detail]),
  });
}
