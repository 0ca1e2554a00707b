import type { GetArtifacts, ListedArtifact } from "./artifacts.ts";
import type { EndedRun } from "./cancel-runs.ts";
import type { CheckedFile } from "./check-pipelines.ts";
import type { DryRunJson } from "./dry-run.ts";
import type { ExplanationJson } from "./explanation.ts";
import type { RunSelection } from "./find-run.ts";
import type { LogPiece } from "./follow-log.ts";
import type { FollowCursor, FollowItem } from "./follow-run.ts";
import type { Report, ReportQuery } from "./report.ts";
import type { RepositoryService } from "./repositories.ts";
import type { ReopenedRun } from "./retry-run.ts";
import type { PipelineSelection } from "./run-request.ts";
import type { SecretService } from "./secrets.ts";
import type { RunJson, RunSummaryJson } from "./shapes.ts";
import type { TokenService } from "./tokens.ts";
import type { TraceJson } from "./trace.ts";

/**
 * What the command line asks for, wherever the answer comes from: this process with its own store, or a server by its REST
 * API. Both give the same data, so that whoever shows it need not know. `repo` in a selection is as the user typed it: each
 * implementation finds the key that its runs are recorded under. Throws `CicdError` with the codes of the use-cases; the
 * remote one also SERVER_UNREACHABLE, SERVER_FAILED, UNAUTHORIZED, FORBIDDEN, TOO_LARGE.
 */
export interface Service {
  check(selection: PipelineSelection, signal: AbortSignal): Promise<CheckedFile[]>;
  dryRun(request: PlanRequest, signal: AbortSignal): Promise<DryRunAnswer>;
  /** Of each selected pipeline that has the job: why it would run or not. Throws NOT_FOUND. */
  explainPlan(request: ExplainRequest, signal: AbortSignal): Promise<ExplainAnswer>;
  /** Why a job of a run that `find` or `read` gave is as it is. Throws NOT_FOUND. */
  explainRun(runId: string, job: string, signal: AbortSignal): Promise<ExplanationJson>;
  /**
   * The newest run that matches. Throws NOT_FOUND, which says what there is instead.
   */
  find(selection: RunSelection, signal: AbortSignal): Promise<RunJson>;
  /** Undefined: it has been deleted. */
  read(runId: string, signal: AbortSignal): Promise<RunJson | undefined>;
  /** As `traceRun`, of a run that `find` or `read` gave. */
  trace(runId: string, signal: AbortSignal): Promise<TraceJson>;
  /** As `followRun`. */
  follow(
    runId: string,
    options: { logs: boolean; from?: FollowCursor },
    signal: AbortSignal,
  ): AsyncIterable<FollowItem>;
  /** As `followLog`, of a run that `find` or `read` gave. */
  logs(
    runId: string,
    options: { job?: string; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogPiece>;
  cancel(selection: RunSelection, options: { waitMs: number }, signal: AbortSignal): Promise<EndedRun[]>;
  stop(selection: RunSelection, signal: AbortSignal): Promise<EndedRun[]>;
  report(request: ReportQuery & { repo: string }, signal: AbortSignal): Promise<Report>;
  /** The newest first; undefined: of all repositories. */
  list(
    selection: RunSelection | undefined,
    options: { limit: number },
    signal: AbortSignal,
  ): Promise<{ runs: RunSummaryJson[] }>;
  /** `expired`: one sentence about what would be there, had it not expired. */
  artifacts(
    runId: string,
    options: { job?: string },
    signal: AbortSignal,
  ): Promise<{ artifacts: ListedArtifact[]; expired: string | null }>;
  /** Writes artifacts to a directory of this host. */
  getArtifacts(runId: string, request: GetArtifacts, signal: AbortSignal): Promise<ListedArtifact[]>;
}

/** A server's further half: it drives the runs that it is given. */
export interface RemoteService extends Service {
  readonly tokens: TokenService;
  readonly secrets: SecretService;
  readonly repositories: RepositoryService;
  /**
   * Sends the tree where it is one of this host, and has runs of it recorded in the queue. Aborted while the server decides,
   * it still waits a moment for its answer.
   */
  start(request: PlanRequest, signal: AbortSignal): Promise<StartedRuns>;
  /** As `reopenRun`; the server's workers go on with it. */
  retry(runId: string, options: { jobs: string[] }, signal: AbortSignal): Promise<ReopenedRun>;
  /** As `playJobs`; the server's workers go on with it. */
  play(runId: string, options: { jobs: string[] }, signal: AbortSignal): Promise<ReopenedRun>;
  /** Asks for it and does not wait. */
  cancelRuns(runIds: string[], signal: AbortSignal): Promise<void>;
  /** For `doctor`: that it answers, takes the token and has workers. */
  examine(signal: AbortSignal): Promise<ServerFacts>;
}

/** `workers`: those that take jobs. */
export interface ServerFacts {
  url: string;
  workers: number;
}

/** What is to be planned or run: the flags of `cicd run`. */
export interface PlanRequest extends PipelineSelection {
  variables: Record<string, string>;
  jobs: string[];
  stage?: string;
  /** Manual jobs that start in their turn. */
  manual?: string[];
}

export interface ExplainRequest extends PipelineSelection {
  variables: Record<string, string>;
  job: string;
}

export type ExplainAnswer =
  | { kind: "explained"; explanations: ExplanationJson[] }
  | { kind: "invalid"; files: CheckedFile[] };

export type DryRunAnswer =
  | { kind: "planned"; plans: DryRunJson[]; warnings: string[] }
  | { kind: "invalid"; files: CheckedFile[] };

/** What the user wrote wrongly is data: nothing was recorded then. */
export type StartedRuns =
  | { kind: "started"; runs: RunSummaryJson[]; warnings: string[] }
  | { kind: "invalid"; files: CheckedFile[] };
