import type * as v from "valibot";
import * as answer from "./answers.ts";
import { STREAM_MESSAGES } from "./events.ts";
import { EXPLANATION } from "./explanation.ts";
import * as request from "./requests.ts";
import type { Route } from "./route.ts";
import { ENDED_RUN, REOPENED_RUN, REPORT, RUN } from "./shapes.ts";
import { TRACE } from "./trace.ts";

const MIB = 1024 * 1024;
const SMALL_BODY = { kind: "json", maxBytes: MIB } as const;
const EVENT_STREAM = "text/event-stream";

export const PACK_MEDIA_TYPE = "application/x-git-packed-objects";
export const MAX_PACK_BYTES = 4 * 1024 * MIB;
/** Of the pipeline files of one request, which are judged at once. */
const MAX_JUDGED_BYTES = 4 * MIB;
export const MAX_WEBHOOK_BYTES = 5 * MIB;

const ok = <S extends v.GenericSchema>(schema: S) => ({ kind: "json", status: 200, schema }) as const;
const created = <S extends v.GenericSchema>(schema: S) => ({ kind: "json", status: 201, schema }) as const;
const NOTHING = { kind: "empty", status: 204 } as const;

/** Every operation of the API, by name: what validates requests, makes the OpenAPI document and types the client. */
export const ROUTES = {
  health: {
    method: "GET",
    path: "/healthz",
    role: "none",
    summary: "The process answers",
    response: ok(answer.HEALTH),
  },
  readiness: {
    method: "GET",
    path: "/readyz",
    role: "none",
    summary: "Each part it needs answers; 503 with the same shape where one does not, or while it ends",
    response: { ...ok(answer.READINESS), alsoStatus: 503 },
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    role: "read",
    summary: "Metrics in the text format of Prometheus",
    response: { kind: "bytes", status: 200, mediaTypes: ["text/plain"] },
  },
  openapi: {
    method: "GET",
    path: "/api/openapi.json",
    role: "read",
    summary: "This document",
    response: ok(answer.OPENAPI),
  },
  check: {
    method: "POST",
    path: "/api/v1/check",
    role: "read",
    summary: "Validates pipeline files",
    body: { kind: "json", schema: request.CHECK_BODY, maxBytes: MAX_JUDGED_BYTES },
    response: ok(answer.CHECKED),
  },
  dryRun: {
    method: "POST",
    path: "/api/v1/dryrun",
    role: "read",
    summary: "What pipeline files would run, in which order",
    body: { kind: "json", schema: request.DRY_RUN_BODY, maxBytes: MAX_JUDGED_BYTES },
    response: ok(answer.PLANNED),
  },
  explainPlan: {
    method: "POST",
    path: "/api/v1/explain",
    role: "read",
    summary: "Why a job of pipeline files would run or not",
    body: { kind: "json", schema: request.EXPLAIN_BODY, maxBytes: MAX_JUDGED_BYTES },
    response: ok(answer.EXPLAINED),
  },
  missingObjects: {
    method: "POST",
    path: "/api/v1/trees/missing",
    role: "run",
    summary: "Which of these git objects the server lacks",
    body: { kind: "json", schema: request.MISSING_BODY, maxBytes: 40 * MIB },
    response: ok(answer.MISSING),
  },
  sendPack: {
    method: "POST",
    path: "/api/v1/packs",
    role: "run",
    summary: "Takes a git pack of trees and files",
    body: { kind: "stream", mediaType: PACK_MEDIA_TYPE, maxBytes: MAX_PACK_BYTES },
    response: NOTHING,
  },
  startRuns: {
    method: "POST",
    path: "/api/v1/runs",
    role: "run",
    summary: "Queues runs of a tree that was sent, or of a repository by its URL",
    body: { kind: "json", schema: request.START_BODY, maxBytes: 8 * MIB },
    response: created(answer.STARTED),
  },
  listRuns: {
    method: "GET",
    path: "/api/v1/runs",
    role: "read",
    summary: "Runs, page by page",
    query: request.LIST_QUERY,
    response: ok(answer.RUN_LIST),
  },
  findRun: {
    method: "GET",
    path: "/api/v1/find",
    role: "read",
    summary: "The newest run that matches",
    query: request.FIND_QUERY,
    response: ok(RUN),
  },
  readRun: {
    method: "GET",
    path: "/api/v1/runs/{run}",
    role: "read",
    summary: "A run with its stages and jobs",
    params: request.RUN_PARAMS,
    response: ok(RUN),
  },
  traceRun: {
    method: "GET",
    path: "/api/v1/runs/{run}/trace",
    role: "read",
    summary: "Where a run's time went: the phases of its attempts, and its critical path",
    params: request.RUN_PARAMS,
    response: ok(TRACE),
  },
  cancelRun: {
    method: "POST",
    path: "/api/v1/runs/{run}/cancel",
    role: "run",
    summary: "Kills what runs and starts nothing more",
    params: request.RUN_PARAMS,
    body: { ...SMALL_BODY, schema: request.CANCEL_BODY },
    response: ok(ENDED_RUN),
  },
  stopRun: {
    method: "POST",
    path: "/api/v1/runs/{run}/stop",
    role: "run",
    summary: "Lets the running jobs finish and starts nothing more",
    params: request.RUN_PARAMS,
    body: { ...SMALL_BODY, schema: request.NO_BODY },
    response: ok(ENDED_RUN),
  },
  retryRun: {
    method: "POST",
    path: "/api/v1/runs/{run}/retry",
    role: "run",
    summary: "A new attempt of what failed, or of the jobs named; starts manual jobs",
    params: request.RUN_PARAMS,
    body: { ...SMALL_BODY, schema: request.RETRY_BODY },
    response: ok(REOPENED_RUN),
  },
  playRun: {
    method: "POST",
    path: "/api/v1/runs/{run}/play",
    role: "run",
    summary: "Starts manual jobs, and delayed ones at once",
    params: request.RUN_PARAMS,
    body: { ...SMALL_BODY, schema: request.PLAY_BODY },
    response: ok(REOPENED_RUN),
  },
  followRun: {
    method: "GET",
    path: "/api/v1/runs/{run}/events",
    role: "read",
    summary:
      "What happens to a run, from its beginning or from Last-Event-ID on, to its end; with logs=true its logs as well",
    params: request.RUN_PARAMS,
    query: request.EVENTS_QUERY,
    response: { kind: "bytes", status: 200, mediaTypes: [EVENT_STREAM], events: STREAM_MESSAGES },
  },
  readLog: {
    method: "GET",
    path: "/api/v1/runs/{run}/jobs/{job}/log",
    role: "read",
    summary: "A job's log: the whole or a Range of it; as an event stream attempt by attempt, as it comes",
    params: request.JOB_PARAMS,
    query: request.LOG_QUERY,
    response: {
      kind: "bytes",
      status: 200,
      mediaTypes: ["text/plain", EVENT_STREAM],
      events: { log: STREAM_MESSAGES.log, end: STREAM_MESSAGES.end },
    },
  },
  explainRun: {
    method: "GET",
    path: "/api/v1/runs/{run}/jobs/{job}/explain",
    role: "read",
    summary: "Why a job of a run is as it is, or is not in it",
    params: request.JOB_PARAMS,
    response: ok(EXPLANATION),
  },
  listArtifacts: {
    method: "GET",
    path: "/api/v1/runs/{run}/artifacts",
    role: "read",
    summary: "The artifacts of a run's newest attempts",
    params: request.RUN_PARAMS,
    query: request.ARTIFACTS_QUERY,
    response: ok(answer.ARTIFACT_LIST),
  },
  readArtifact: {
    method: "GET",
    path: "/api/v1/runs/{run}/jobs/{job}/artifacts",
    role: "read",
    summary: "One artifact's bytes",
    params: request.JOB_PARAMS,
    query: request.ARTIFACT_QUERY,
    response: { kind: "bytes", status: 200, mediaTypes: ["application/octet-stream"] },
  },
  readArtifactLayer: {
    method: "GET",
    path: "/api/v1/runs/{run}/jobs/{job}/artifacts.tar",
    role: "read",
    summary: "All artifacts of a job, with links and modes",
    params: request.JOB_PARAMS,
    response: { kind: "bytes", status: 200, mediaTypes: ["application/x-tar"] },
  },
  report: {
    method: "GET",
    path: "/api/v1/report",
    role: "read",
    summary: "The seven reports: by repo; + pipeline [+ number] [+ stage [+ job]]",
    query: request.REPORT_QUERY,
    response: ok(REPORT),
  },
  listPipelines: {
    method: "GET",
    path: "/api/v1/pipelines",
    role: "read",
    summary: "The pipelines of a repository that have runs",
    query: request.PIPELINES_QUERY,
    response: ok(answer.PIPELINE_LIST),
  },
  listWorkers: {
    method: "GET",
    path: "/api/v1/workers",
    role: "read",
    summary: "Workers seen in the last day",
    response: ok(answer.WORKER_LIST),
  },
  listTokens: {
    method: "GET",
    path: "/api/v1/tokens",
    role: "admin",
    summary: "Tokens, revoked and expired ones too, without their secrets",
    response: ok(answer.TOKEN_LIST),
  },
  createToken: {
    method: "POST",
    path: "/api/v1/tokens",
    role: "admin",
    summary: "Makes a token and shows it this once",
    body: { ...SMALL_BODY, schema: request.TOKEN_BODY },
    response: created(answer.NEW_TOKEN),
  },
  revokeToken: {
    method: "DELETE",
    path: "/api/v1/tokens/{token}",
    role: "admin",
    summary: "Revokes a token by its id or name",
    params: request.TOKEN_PARAMS,
    response: NOTHING,
  },
  listSecrets: {
    method: "GET",
    path: "/api/v1/secrets",
    role: "admin",
    summary:
      "The names of the secrets that a repository's jobs may be given, or of all of them; never a value",
    query: request.SECRET_QUERY,
    response: ok(answer.SECRET_LIST),
  },
  setSecret: {
    method: "PUT",
    path: "/api/v1/secrets/{secret}",
    role: "admin",
    summary: "Sets a secret, of a repository or of all of them",
    params: request.SECRET_PARAMS,
    body: { ...SMALL_BODY, schema: request.SECRET_BODY },
    response: NOTHING,
  },
  removeSecret: {
    method: "DELETE",
    path: "/api/v1/secrets/{secret}",
    role: "admin",
    summary: "Removes a secret of a repository, or of all of them",
    params: request.SECRET_PARAMS,
    query: request.SECRET_QUERY,
    response: NOTHING,
  },
  listRepositories: {
    method: "GET",
    path: "/api/v1/repositories",
    role: "read",
    summary: "The repositories that the server takes webhooks for",
    response: ok(answer.REPOSITORY_LIST),
  },
  addRepository: {
    method: "POST",
    path: "/api/v1/repositories",
    role: "admin",
    summary: "Takes webhooks for a repository from now on, and watches its schedules",
    body: { ...SMALL_BODY, schema: request.REPOSITORY_BODY },
    response: created(answer.NEW_REPOSITORY),
  },
  removeRepository: {
    method: "DELETE",
    path: "/api/v1/repositories/{repository}",
    role: "admin",
    summary: "Takes no more webhooks for a repository, named by its id, name or key; its runs stay",
    params: request.REPOSITORY_PARAMS,
    response: NOTHING,
  },
  listSchedules: {
    method: "GET",
    path: "/api/v1/schedules",
    role: "read",
    summary: "When which pipeline runs next",
    response: ok(answer.SCHEDULE_LIST),
  },
  webhook: {
    method: "POST",
    path: "/api/v1/webhooks/{repository}",
    role: "signed",
    summary: "An event of the repository's host: GitHub, GitLab, Gitea or Forgejo",
    params: request.WEBHOOK_PARAMS,
    body: { kind: "raw", maxBytes: MAX_WEBHOOK_BYTES },
    response: { kind: "json", status: 202, schema: answer.WEBHOOK_ANSWER },
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;

type Schema<R, K extends string> = R extends { [P in K]: infer S extends v.GenericSchema } ? S : never;
type JsonSchema<R, K extends "body" | "response"> = R extends { [P in K]: { kind: "json"; schema: infer S } }
  ? S extends v.GenericSchema
    ? S
    : never
  : never;

/** What a handler gets. */
export type ParamsOf<N extends RouteName> = v.InferOutput<Schema<(typeof ROUTES)[N], "params">>;
export type QueryOf<N extends RouteName> = v.InferOutput<Schema<(typeof ROUTES)[N], "query">>;
export type BodyOf<N extends RouteName> = v.InferOutput<JsonSchema<(typeof ROUTES)[N], "body">>;
/** What a client sends: defaults may be left out. */
export type BodyInputOf<N extends RouteName> = v.InferInput<JsonSchema<(typeof ROUTES)[N], "body">>;
export type AnswerOf<N extends RouteName> = v.InferOutput<JsonSchema<(typeof ROUTES)[N], "response">>;
