import { randomBytes } from "node:crypto";
import { isAbsolute } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { RepositoryRecord } from "../run/registry.ts";
import type { App } from "./app.ts";
import { openShared } from "./enqueue-runs.ts";
import { toIso } from "./shapes.ts";
import { syncSchedules } from "./sync-schedules.ts";
import { loadTriggered, type TriggerOptions } from "./trigger-runs.ts";

/** What people see of a registered repository; its webhook's secret is shown once, when it is added. */
export interface RepositoryJson {
  id: string;
  key: string;
  name: string;
  url: string;
  defaultBranch: string | null;
  webhookUrl: string;
  createdAt: string;
}

export interface ScheduleJson {
  id: string;
  repositoryId: string;
  /** The repository's key. */
  repo: string;
  pipeline: string;
  cron: string;
  timezone: string;
  branch: string | null;
  nextAt: string;
}

export interface RepositoryRequest {
  url: string;
  /** Null: as its address says. */
  name: string | null;
  /** Null: one is made. */
  webhookSecret: string | null;
}

/** Where repositories are registered: this process's database, or a server. */
export interface RepositoryService {
  /** As `addRepository`. */
  add(
    request: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<{ repository: RepositoryJson; webhookSecret: string }>;
  list(signal: AbortSignal): Promise<RepositoryJson[]>;
  /** As `removeRepository`. */
  remove(named: string, signal: AbortSignal): Promise<void>;
  schedules(signal: AbortSignal): Promise<ScheduleJson[]>;
}

interface AddOptions extends Pick<TriggerOptions, "executor"> {
  /** How webhooks reach the server, without a slash at its end. */
  baseUrl: string;
}

const SECRET_BYTES = 32;

export function localRepositories(app: App, options: AddOptions): RepositoryService {
  return {
    add: (request, signal) => addRepository(app, request, options, signal),
    list: () => listRepositories(app, options.baseUrl),
    remove: (named) => removeRepository(app, named),
    schedules: () => listSchedules(app),
  };
}

/**
 * Looks at a remote repository and takes its webhooks from now on. Throws USAGE (it is there already, its address carries a
 * password), GIT_URL_REFUSED (a path, too), GIT_REF_NOT_FOUND (it is empty), GIT_FAILED.
 */
export async function addRepository(
  app: App,
  request: RepositoryRequest,
  options: AddOptions,
  signal: AbortSignal,
): Promise<{ repository: RepositoryJson; webhookSecret: string }> {
  refuseCredentials(request.url);
  await refusePath(app, request.url, signal);
  const source = await openShared(app, { repo: request.url }, signal);
  const { repo, branch } = source.source;
  const registry = await app.registry();
  const record = {
    id: app.newId(),
    key: repo.key,
    name: request.name ?? repo.name,
    url: request.url,
    defaultBranch: branch,
    webhookSecret: request.webhookSecret ?? `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`,
  };
  if (!(await registry.addRepository(record))) {
    throw new CicdError("USAGE", `the repository ${repo.key} is there already`, {
      hint: "see what there is with: cicd repo list",
    });
  }
  await syncSchedules(app, record.id, await loadTriggered(app, source, { ...options, trigger: "schedule" }));
  const repository = toRepositoryJson({ ...record, createdAt: app.now() }, options.baseUrl);
  return { repository, webhookSecret: record.webhookSecret };
}

export async function listRepositories(app: App, baseUrl: string): Promise<RepositoryJson[]> {
  const registry = await app.registry();
  return (await registry.listRepositories()).map((record) => toRepositoryJson(record, baseUrl));
}

/** By its id, key or address, or by its name where that is the only one. Throws NOT_FOUND, USAGE (a name that means several). */
export async function removeRepository(app: App, named: string): Promise<void> {
  const registry = await app.registry();
  const all = await registry.listRepositories();
  const exact = all.filter(({ id, key, url }) => [id, key, url].includes(named));
  const found = exact.length > 0 ? exact : all.filter(({ name }) => name === named);
  if (found.length > 1) {
    const hint = `name it by its id: ${found.map(({ id }) => id).join(", ")}`;
    throw new CicdError("USAGE", `several repositories are named ${named}`, { hint });
  }
  const [repository] = found;
  if (repository !== undefined && (await registry.removeRepository(repository.id))) return;
  throw new CicdError("NOT_FOUND", `there is no repository "${named}"`, {
    hint: "see what there is with: cicd repo list",
  });
}

export async function listSchedules(app: App): Promise<ScheduleJson[]> {
  const registry = await app.registry();
  const [schedules, repositories] = await Promise.all([
    registry.listSchedules(),
    registry.listRepositories(),
  ]);
  const keys = new Map(repositories.map(({ id, key }) => [id, key]));
  return schedules.map(({ nextAt, ...schedule }) => ({
    ...schedule,
    repo: keys.get(schedule.repositoryId) ?? "",
    nextAt: toIso(nextAt),
  }));
}

/** Reads a repository's default branch and its schedules anew. Throws as opening a source does. */
export async function refreshRepository(
  app: App,
  repository: RepositoryRecord,
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<void> {
  const registry = await app.registry();
  const source = await openShared(app, { repo: repository.url }, signal);
  const { branch } = source.source;
  if (branch !== null && branch !== repository.defaultBranch)
    await registry.setDefaultBranch(repository.id, branch);
  await syncSchedules(
    app,
    repository.id,
    await loadTriggered(app, source, { ...options, trigger: "schedule" }),
  );
}

/** Of a working copy no ref can be fetched, and a path means something else on every host. */
async function refusePath(app: App, url: string, signal: AbortSignal): Promise<void> {
  const key = await (await app.sources()).repoKey(url, signal);
  if (!isAbsolute(key)) return;
  throw new CicdError(
    "GIT_URL_REFUSED",
    `${url} is a path of this host; a repository is registered by its URL`,
    {
      hint: "name what its clones come from: git remote get-url origin",
    },
  );
}

/** They would stand in the database and in lists. */
function refuseCredentials(url: string): void {
  const parsed = URL.parse(url);
  const hasUser = parsed?.protocol.startsWith("http") === true && parsed.username !== "";
  if (parsed === null || (!hasUser && parsed.password === "")) return;
  throw new CicdError("USAGE", "the repository's address holds a user or a password", {
    hint: "leave them out: the server's git takes them from its own credential helper, or use ssh with its key",
  });
}

function toRepositoryJson(
  { id, key, name, url, defaultBranch, createdAt }: RepositoryRecord,
  baseUrl: string,
): RepositoryJson {
  const webhookUrl = `${baseUrl}/api/v1/webhooks/${id}`;
  return { id, key, name, url, defaultBranch, webhookUrl, createdAt: toIso(createdAt) };
}
