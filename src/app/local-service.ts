import type { RunFilter } from "../run/store.ts";
import type { App } from "./app.ts";
import {
  describeExpired,
  type GetArtifacts,
  getArtifacts,
  type ListedArtifact,
  listArtifacts,
} from "./artifacts.ts";
import { cancelRuns, type EndedRun, stopRuns } from "./cancel-runs.ts";
import { type CheckedFile, checkPipelines, toCheckedFile } from "./check-pipelines.ts";
import { describeRun } from "./describe-run.ts";
import { dryRun, toDryRunJson } from "./dry-run.ts";
import type { ExplanationJson } from "./explanation.ts";
import { findRun, type RunSelection, readRun, toRunFilter } from "./find-run.ts";
import { followLog, type LogPiece } from "./follow-log.ts";
import { type FollowCursor, type FollowItem, followRun } from "./follow-run.ts";
import { listRuns } from "./list-runs.ts";
import { recover } from "./recover.ts";
import { type Report, type ReportQuery, report, reportForm } from "./report.ts";
import type { PipelineSelection } from "./run-request.ts";
import type { DryRunAnswer, ExplainAnswer, ExplainRequest, PlanRequest, Service } from "./service.ts";
import type { RunJson, RunSummaryJson } from "./shapes.ts";
import type { TraceJson } from "./trace.ts";
import { traceRun } from "./trace-run.ts";

/**
 * The service of this process over its own store. Whoever asks about recorded runs first has those ended whose process is
 * gone (`recover`), once.
 */
export class LocalService implements Service {
  private recovering: Promise<unknown> | undefined;

  constructor(
    private readonly app: App,
    private readonly options: { actor: string },
  ) {}

  async check(selection: PipelineSelection, signal: AbortSignal): Promise<CheckedFile[]> {
    return (await checkPipelines(this.app, selection, signal)).map(toCheckedFile);
  }

  async dryRun(request: PlanRequest, signal: AbortSignal): Promise<DryRunAnswer> {
    const result = await dryRun(this.app, request, signal);
    return result.kind === "invalid"
      ? { kind: "invalid", files: result.files.map(toCheckedFile) }
      : { kind: "planned", plans: result.plans.map(toDryRunJson), warnings: result.warnings };
  }

  async explainPlan(request: ExplainRequest, signal: AbortSignal): Promise<ExplainAnswer> {
    const { explainPlanned } = await import("./explain-job.ts");
    const result = await explainPlanned(this.app, request, request.job, signal);
    return result.kind === "invalid" ? { kind: "invalid", files: result.files.map(toCheckedFile) } : result;
  }

  async explainRun(runId: string, job: string): Promise<ExplanationJson> {
    const { explainRecorded } = await import("./explain-job.ts");
    return explainRecorded(this.app, runId, job);
  }

  async find(selection: RunSelection, signal: AbortSignal): Promise<RunJson> {
    await this.recover();
    return describeRun(this.app, await findRun(this.app, await this.toFilter(selection, signal)));
  }

  async read(runId: string): Promise<RunJson | undefined> {
    const detail = await (await this.app.store()).readRun(runId);
    return detail === undefined ? undefined : describeRun(this.app, detail);
  }

  async trace(runId: string): Promise<TraceJson> {
    return traceRun(this.app, runId);
  }

  async *follow(
    runId: string,
    options: { logs: boolean; from?: FollowCursor },
    signal: AbortSignal,
  ): AsyncIterable<FollowItem> {
    yield* followRun(await this.app.store(), runId, options, signal);
  }

  async *logs(
    runId: string,
    options: { job?: string; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogPiece> {
    yield* followLog(this.app, await readRun(this.app, runId), options, signal);
  }

  async cancel(
    selection: RunSelection,
    options: { waitMs: number },
    signal: AbortSignal,
  ): Promise<EndedRun[]> {
    await this.recover();
    const filter = await this.toFilter(selection, signal);
    return cancelRuns(this.app, filter, { ...this.options, ...options }, signal);
  }

  async stop(selection: RunSelection, signal: AbortSignal): Promise<EndedRun[]> {
    await this.recover();
    return stopRuns(this.app, await this.toFilter(selection, signal), this.options);
  }

  async report({ repo, ...query }: ReportQuery & { repo: string }, signal: AbortSignal): Promise<Report> {
    reportForm(query);
    await this.recover();
    return report(this.app, await this.keyOf(repo, signal), query);
  }

  async list(
    selection: RunSelection | undefined,
    options: { limit: number },
    signal: AbortSignal,
  ): Promise<{ runs: RunSummaryJson[] }> {
    await this.recover();
    const filter = selection === undefined ? {} : await this.toFilter(selection, signal);
    return listRuns(this.app, { ...filter, ...options });
  }

  async artifacts(
    runId: string,
    options: { job?: string },
  ): Promise<{ artifacts: ListedArtifact[]; expired: string | null }> {
    const detail = await readRun(this.app, runId);
    const artifacts = listArtifacts(detail, options, this.app.now());
    const expired = artifacts.length > 0 ? undefined : describeExpired(detail, options, this.app.now());
    return { artifacts, expired: expired ?? null };
  }

  async getArtifacts(runId: string, request: GetArtifacts, signal: AbortSignal): Promise<ListedArtifact[]> {
    return getArtifacts(this.app, await readRun(this.app, runId), request, signal);
  }

  private recover(): Promise<unknown> {
    this.recovering ??= recover(this.app, { sweep: false, executors: [] });
    return this.recovering;
  }

  private async keyOf(repo: string, signal: AbortSignal): Promise<string> {
    return (await this.app.sources()).repoKey(repo, signal);
  }

  private async toFilter(selection: RunSelection, signal: AbortSignal): Promise<RunFilter> {
    return toRunFilter(await this.keyOf(selection.repo, signal), selection);
  }
}
