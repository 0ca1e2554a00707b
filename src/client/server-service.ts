import { jobNamesOf } from "../api/cursor.ts";
import type { BodyInputOf } from "../api/routes.ts";
import type { App } from "../app/app.ts";
import type { GetArtifacts, ListedArtifact } from "../app/artifacts.ts";
import type { EndedRun } from "../app/cancel-runs.ts";
import type { CheckedFile } from "../app/check-pipelines.ts";
import type { ExplanationJson } from "../app/explanation.ts";
import { notFound, type RunSelection } from "../app/find-run.ts";
import type { LogPiece } from "../app/follow-log.ts";
import type { FollowCursor, FollowItem } from "../app/follow-run.ts";
import { judgePipelines, readOverrides } from "../app/judge-pipelines.ts";
import { lazyTree, openSource, readPipelines } from "../app/load-pipelines.ts";
import { type Report, type ReportQuery, reportForm } from "../app/report.ts";
import type { RepositoryService } from "../app/repositories.ts";
import type { ReopenedRun } from "../app/retry-run.ts";
import type { PipelineFile, PipelineSelection } from "../app/run-request.ts";
import type { SecretService } from "../app/secrets.ts";
import { recordedTree, type SentTree } from "../app/sent-tree.ts";
import type {
  DryRunAnswer,
  ExplainAnswer,
  ExplainRequest,
  PlanRequest,
  RemoteService,
  ServerFacts,
  StartedRuns,
} from "../app/service.ts";
import type { JobJson, RunJson, RunSummaryJson } from "../app/shapes.ts";
import type { TokenService } from "../app/tokens.ts";
import type { TraceJson } from "../app/trace.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { ServerProblem } from "./answers.ts";
import type { ApiClient } from "./api-client.ts";
import { fetchArtifacts, type Scratch } from "./fetch-artifacts.ts";
import { followRemoteLog, followRemoteRun } from "./follow.ts";
import { readWholeLog } from "./read-whole-log.ts";
import { serverRepositories } from "./server-repositories.ts";
import { serverSecrets } from "./server-secrets.ts";
import { serverTokens } from "./server-tokens.ts";
import { startRuns } from "./start-runs.ts";

const ACTIVE = ["pending", "running", "canceling", "manual"];
const MAX_PAGE = 1_000;
const MAX_WAIT_MS = 120_000;

/**
 * The service of a cicd server. Repositories are known there by `SourceOpener.sharedRepo`; files and trees are read here and
 * judged there.
 */
export class ServerService implements RemoteService {
  /** Of the runs that were read: cursors count their jobs. */
  private readonly jobNames = new Map<string, string[]>();

  readonly tokens: TokenService;
  readonly secrets: SecretService;
  readonly repositories: RepositoryService;

  constructor(
    private readonly client: ApiClient,
    private readonly app: App,
    private readonly openScratch: () => Promise<Scratch>,
  ) {
    this.tokens = serverTokens(client);
    this.secrets = serverSecrets(client, (repo, signal) => this.keyOf(repo, signal));
    this.repositories = serverRepositories(client);
  }

  async check(selection: PipelineSelection, signal: AbortSignal): Promise<CheckedFile[]> {
    const body = await this.toJudge(selection, signal);
    const { files } = await this.client.ask("check", { body, isRepeatable: true }, signal);
    return files as CheckedFile[];
  }

  async dryRun(request: PlanRequest, signal: AbortSignal): Promise<DryRunAnswer> {
    const { file, branch, commit, variables, jobs, manual = [], stage } = request;
    if (file !== undefined && (branch ?? commit) !== undefined) await openSource(this.app, request, signal);
    const choice = { variables, jobs, manual, ...(stage === undefined ? {} : { stage }) };
    const body = { ...(await this.toJudge(request, signal)), ...choice, isNamed: file !== undefined };
    try {
      const { plans, warnings } = await this.client.ask("dryRun", { body, isRepeatable: true }, signal);
      return { kind: "planned", plans, warnings };
    } catch (error) {
      return { kind: "invalid", files: invalidFiles(error) };
    }
  }

  async explainPlan(request: ExplainRequest, signal: AbortSignal): Promise<ExplainAnswer> {
    const { job, variables } = request;
    const body = { ...(await this.toJudge(request, signal)), job, variables };
    try {
      const { explanations } = await this.client.ask("explainPlan", { body, isRepeatable: true }, signal);
      return { kind: "explained", explanations };
    } catch (error) {
      return { kind: "invalid", files: invalidFiles(error) };
    }
  }

  explainRun(runId: string, job: string, signal: AbortSignal): Promise<ExplanationJson> {
    return this.client.ask("explainRun", { params: { run: runId, job } }, signal);
  }

  start(request: PlanRequest, signal: AbortSignal): Promise<StartedRuns> {
    return startRuns(this.client, this.app, request, signal).catch((error: unknown) => ({
      kind: "invalid",
      files: invalidFiles(error),
    }));
  }

  async find(selection: RunSelection, signal: AbortSignal): Promise<RunJson> {
    const query = await this.toQuery(selection, signal);
    return this.remember(await this.client.ask("findRun", { query }, signal));
  }

  async read(runId: string, signal: AbortSignal): Promise<RunJson | undefined> {
    try {
      return this.remember(await this.client.ask("readRun", { params: { run: runId } }, signal));
    } catch (error) {
      if (error instanceof CicdError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  trace(runId: string, signal: AbortSignal): Promise<TraceJson> {
    return this.client.ask("traceRun", { params: { run: runId } }, signal);
  }

  async *follow(
    runId: string,
    options: { logs: boolean; from?: FollowCursor },
    signal: AbortSignal,
  ): AsyncIterable<FollowItem> {
    const jobNames = this.jobNames.get(runId) ?? jobNamesOf(await this.readWhole(runId, signal));
    yield* followRemoteRun(this.client, runId, jobNames, options, signal);
  }

  async *logs(
    runId: string,
    options: { job?: string; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogPiece> {
    const run = await this.readWhole(runId, signal);
    const chosen = chooseJobs(run, options.job);
    if (options.follow && options.job === undefined) {
      for await (const item of this.follow(runId, { logs: true }, signal))
        if (item.kind === "log") yield item;
    } else if (options.follow) yield* followRemoteLog(this.client, runId, options.job!, signal);
    else for (const job of chosen) yield* this.readLog(runId, job, signal);
  }

  async cancel(
    selection: RunSelection,
    options: { waitMs: number },
    signal: AbortSignal,
  ): Promise<EndedRun[]> {
    const waitMs = Math.min(options.waitMs, MAX_WAIT_MS);
    const ids = await this.findActive(selection, signal);
    return Promise.all(ids.map((id) => this.cancelRun(id, waitMs, signal)));
  }

  async stop(selection: RunSelection, signal: AbortSignal): Promise<EndedRun[]> {
    const ids = await this.findActive(selection, signal);
    const stop = (run: string) =>
      this.client.ask("stopRun", { params: { run }, body: {}, isRepeatable: true }, signal);
    return Promise.all(ids.map(stop));
  }

  async cancelRuns(runIds: string[], signal: AbortSignal): Promise<void> {
    await Promise.all(runIds.map((id) => this.cancelRun(id, 0, signal)));
  }

  play(runId: string, options: { jobs: string[] }, signal: AbortSignal): Promise<ReopenedRun> {
    return this.client.ask("playRun", { params: { run: runId }, body: options }, signal);
  }

  retry(runId: string, options: { jobs: string[] }, signal: AbortSignal): Promise<ReopenedRun> {
    return this.client.ask("retryRun", { params: { run: runId }, body: options }, signal);
  }

  async report({ repo, ...query }: ReportQuery & { repo: string }, signal: AbortSignal): Promise<Report> {
    reportForm(query);
    return this.client.ask("report", { query: { repo: await this.keyOf(repo, signal), ...query } }, signal);
  }

  async list(
    selection: RunSelection | undefined,
    options: { limit: number },
    signal: AbortSignal,
  ): Promise<{ runs: RunSummaryJson[] }> {
    const filter = selection === undefined ? {} : await this.toQuery(selection, signal);
    return { runs: await this.listAll(filter, options.limit, signal) };
  }

  async artifacts(
    runId: string,
    options: { job?: string },
    signal: AbortSignal,
  ): Promise<{ artifacts: ListedArtifact[]; expired: string | null }> {
    const query = options.job === undefined ? {} : { job: options.job };
    return this.client.ask("listArtifacts", { params: { run: runId }, query }, signal);
  }

  async getArtifacts(runId: string, request: GetArtifacts, signal: AbortSignal): Promise<ListedArtifact[]> {
    const { client, openScratch } = this;
    const [run, listed] = await Promise.all([
      this.readWhole(runId, signal),
      this.artifacts(runId, request, signal),
    ]);
    return fetchArtifacts({ client, openScratch, files: this.app.files }, run, listed, request, signal);
  }

  async examine(signal: AbortSignal): Promise<ServerFacts> {
    const { workers } = await this.client.ask("listWorkers", {}, signal);
    return {
      url: this.client.address,
      workers: workers.filter(({ state }) => state === "active").length,
    };
  }

  private cancelRun(run: string, waitMs: number, signal: AbortSignal): Promise<EndedRun> {
    const parts = { params: { run }, body: { waitMs }, isRepeatable: true, moreMs: waitMs };
    return this.client.ask("cancelRun", parts, signal);
  }

  private async *readLog(run: string, job: JobJson, signal: AbortSignal): AsyncIterable<LogPiece> {
    if (job.attempt === 0) return;
    const { name, attempt } = job;
    let offset = 0;
    for await (const bytes of readWholeLog(this.client, { run, job: name, attempt }, signal)) {
      yield { job: name, attempt, offset, bytes };
      offset += bytes.byteLength;
    }
  }

  private async findActive(selection: RunSelection, signal: AbortSignal): Promise<string[]> {
    const query = { ...(await this.toQuery(selection, signal)), status: ACTIVE };
    const runs = await this.listAll(query, Number.POSITIVE_INFINITY, signal);
    return runs.map(({ id }) => id);
  }

  private async listAll(
    filter: Record<string, string | number | string[]>,
    limit: number,
    signal: AbortSignal,
  ): Promise<RunSummaryJson[]> {
    const runs: RunSummaryJson[] = [];
    for (let cursor: string | null = null; ; ) {
      const page = { limit: Math.min(limit - runs.length, MAX_PAGE), ...(cursor === null ? {} : { cursor }) };
      const answer: { runs: RunSummaryJson[]; nextCursor: string | null } = await this.client.ask(
        "listRuns",
        { query: { ...filter, ...page } },
        signal,
      );
      runs.push(...answer.runs);
      cursor = answer.nextCursor;
      if (cursor === null || runs.length >= limit) return runs;
    }
  }

  private async readWhole(runId: string, signal: AbortSignal): Promise<RunJson> {
    return this.remember(await this.client.ask("readRun", { params: { run: runId } }, signal));
  }

  private remember(run: RunJson): RunJson {
    this.jobNames.set(run.id, jobNamesOf(run));
    return run;
  }

  private async toJudge(selection: PipelineSelection, signal: AbortSignal): Promise<BodyInputOf<"check">> {
    const { file, pipeline, overrides } = selection;
    readOverrides(overrides);
    const files = await readPipelines(this.app, selection, signal);
    const around = await this.readAround(files, selection, signal);
    return {
      ...{ files, overrides },
      ...(around === undefined ? {} : { around }),
      ...(pipeline === undefined || file !== undefined ? {} : { pipeline }),
    };
  }

  /** What the files include, if they do. */
  private async readAround(
    files: PipelineFile[],
    selection: PipelineSelection,
    signal: AbortSignal,
  ): Promise<SentTree | undefined> {
    if (!files.some(({ text }) => text?.includes("include") === true)) return undefined;
    const { tree, sent } = recordedTree(lazyTree(this.app, selection, signal));
    const { overrides, imageRequired } = selection;
    await judgePipelines(files, { overrides, imageRequired }, tree, signal);
    return sent();
  }

  private async toQuery(
    { repo, ...rest }: RunSelection,
    signal: AbortSignal,
  ): Promise<Record<string, string | number> & { repo: string }> {
    return { repo: await this.keyOf(repo, signal), ...rest };
  }

  private async keyOf(repo: string, signal: AbortSignal): Promise<string> {
    return (await (await this.app.sources()).sharedRepo(repo, signal)).key;
  }
}

/** Throws NOT_FOUND. */
function chooseJobs(run: RunJson, wanted: string | undefined): JobJson[] {
  const jobs = run.stages.flatMap((stage) => stage.jobs);
  const chosen = wanted === undefined ? jobs : jobs.filter(({ name }) => name === wanted);
  if (chosen.length > 0 || wanted === undefined) return chosen;
  const names = jobs.map(({ name }) => name);
  throw notFound(`run #${run.number} of ${run.pipeline} has no job "${wanted}"`, wanted, names, "jobs");
}

/** Those of CONFIG_INVALID; throws every other error on. */
function invalidFiles(error: unknown): CheckedFile[] {
  if (error instanceof ServerProblem && error.code === "CONFIG_INVALID" && error.files.length > 0)
    return error.files;
  throw error;
}
