import { isAbsolute } from "node:path";
import type { BodyInputOf } from "../api/routes.ts";
import type { App } from "../app/app.ts";
import { checkCommit } from "../app/find-run.ts";
import { readOverrides } from "../app/judge-pipelines.ts";
import { openSource } from "../app/load-pipelines.ts";
import { unsentVariables } from "../app/local-variables.ts";
import type { PlanRequest, StartedRuns } from "../app/service.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { Source } from "../run/workspace.ts";
import type { ApiClient } from "./api-client.ts";
import { sendTree } from "./send-tree.ts";

type StartBody = BodyInputOf<"startRuns">;

/** A server that is given a URL clones it before it answers. */
const START_MS = 15 * 60_000;
/** How long an answer is still waited for once nobody wants it any more. */
const LAST_WORDS_MS = 5_000;

/**
 * Has a server queue runs: of a repository of this host by sending its tree as it is, of a URL by its name. The same request
 * is the same runs, however often it has to be sent.
 */
export async function startRuns(
  client: ApiClient,
  app: App,
  request: PlanRequest,
  signal: AbortSignal,
): Promise<StartedRuns> {
  readOverrides(request.overrides);
  const sources = await app.sources();
  const isHere = isAbsolute(await sources.repoKey(request.repo, signal));
  const source = isHere ? await openSource(app, request, signal) : undefined;
  const common = await toCommon(app, request);
  if (source === undefined) return start(client, { ...common, source: toUrlSource(request) }, [], signal);
  const repo = await sources.sharedRepo(request.repo, signal);
  const described = { ...source.source, repo };
  const body: StartBody = { ...common, source: { kind: "tree", described } };
  const started = await startTree(client, app, source, body, signal);
  if (started.kind !== "started") return started;
  const unsent = await unsentVariables(app.files, source.source.repo.key);
  return { ...started, warnings: [...started.warnings, ...unsent] };
}

async function startTree(
  client: ApiClient,
  app: App,
  source: Source,
  body: StartBody,
  signal: AbortSignal,
): Promise<StartedRuns> {
  const transfer = await app.transfer();
  await sendTree(client, transfer, source, signal);
  try {
    return await start(client, body, source.warnings, signal);
  } catch (error) {
    // What it had when it was asked may have been removed since.
    if (!(error instanceof CicdError) || error.code !== "TREE_INCOMPLETE") throw error;
    await sendTree(client, transfer, source, signal);
    return start(client, body, source.warnings, signal);
  }
}

async function start(
  client: ApiClient,
  body: StartBody,
  warnings: string[],
  signal: AbortSignal,
): Promise<StartedRuns> {
  signal.throwIfAborted();
  const gone = new AbortController();
  const leave = () => void setTimeout(() => gone.abort(signal.reason), LAST_WORDS_MS);
  signal.addEventListener("abort", leave, { once: true });
  try {
    const parts = { body, isRepeatable: true, moreMs: START_MS };
    const answer = await client.ask("startRuns", parts, gone.signal);
    return { kind: "started", runs: answer.runs, warnings: [...new Set([...warnings, ...answer.warnings])] };
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function toCommon(app: App, request: PlanRequest): Promise<Omit<StartBody, "source">> {
  const { pipeline, file, overrides, variables, jobs, manual = [], stage } = request;
  return {
    requestId: crypto.randomUUID(),
    overrides,
    variables,
    jobs,
    manual,
    ...(stage === undefined ? {} : { stage }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(file === undefined ? {} : { file: { name: file, text: await app.files.readText(file) } }),
  };
}

function toUrlSource({ repo, branch, commit }: PlanRequest): StartBody["source"] {
  return {
    kind: "url",
    repo,
    ...(branch === undefined ? {} : { branch }),
    ...(commit === undefined ? {} : { commit: checkCommit(commit) }),
  };
}
