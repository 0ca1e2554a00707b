import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { AttemptRecord, EpochMs } from "../run/records.ts";
import type { RunDetail } from "../run/store.ts";
import type { ArtifactReader } from "../run/workspace.ts";
import type { App, Files } from "./app.ts";
import { expiresAt, isExpired } from "./expiry.ts";
import { notFound } from "./find-run.ts";

export interface ListedArtifact {
  job: string;
  attempt: number;
  path: string;
  sizeBytes: number;
  sha256: string;
}

/**
 * The artifacts of the newest attempts that have not expired, by job and path. Throws NOT_FOUND for a job that the run
 * does not have.
 */
export function listArtifacts(detail: RunDetail, options: { job?: string }, now: EpochMs): ListedArtifact[] {
  checkJob(detail, options.job);
  return artifactsOf(
    detail,
    newestAttempts(detail, options.job).filter((attempt) => !isExpired(detail, attempt, now)),
  );
}

function artifactsOf(detail: RunDetail, attempts: AttemptRecord[]): ListedArtifact[] {
  return attempts.flatMap(({ jobId, number }) => {
    const job = detail.jobs.find(({ id }) => id === jobId)!.name;
    return detail.artifacts
      .filter((artifact) => artifact.jobId === jobId && artifact.attempt === number)
      .map(({ attempt, path, sizeBytes, sha256 }) => ({ job, attempt, path, sizeBytes, sha256 }));
  });
}

/** One sentence about the artifacts that would be there, had they not expired. Undefined: none has. */
export function describeExpired(
  detail: RunDetail,
  options: { job?: string; path?: string },
  now: EpochMs,
): string | undefined {
  for (const attempt of newestAttempts(detail, options.job)) {
    if (!isExpired(detail, attempt, now)) continue;
    const files = artifactsOf(detail, [attempt]);
    const wanted = options.path === undefined ? files : atPath(files, options.path);
    if (wanted.length === 0) continue;
    const when = new Date(expiresAt(detail, attempt)!).toISOString();
    return `the artifacts of "${wanted[0]!.job}" in run #${detail.run.number} of ${detail.run.pipeline} expired at ${when}`;
  }
}

export interface GetArtifacts {
  job?: string;
  /** One file, or a directory with all below it; undefined: everything. */
  path?: string;
  directory: string;
  force: boolean;
}

/**
 * Writes artifacts below `directory`; of several jobs the later one's file wins, as in a workspace. Returns what was
 * written. Throws NOT_FOUND, USAGE (something is there already, and no `force`), DISK_FULL, PERMISSION_DENIED.
 */
export async function getArtifacts(
  app: App,
  detail: RunDetail,
  request: GetArtifacts,
  signal: AbortSignal,
): Promise<ListedArtifact[]> {
  const now = app.now();
  const all = listArtifacts(detail, request, now);
  const wanted = chooseArtifacts(
    { ...detail.run, artifacts: all, expired: describeExpired(detail, request, now) ?? null },
    request.path,
  );
  if (request.path === undefined) await writeLayers(app, detail, request, signal);
  else {
    const layers = await app.layers();
    const read = ({ job, sha256 }: ListedArtifact) => readArtifact(layers, findAttempt(detail, job), sha256);
    await saveArtifacts(app.files, wanted, read, request, signal);
  }
  return wanted;
}

/**
 * Those at a path, or all. `expired`: a sentence about what would be there too, had it not expired. Throws NOT_FOUND, with
 * that sentence where nothing else is to be had.
 */
export function chooseArtifacts(
  run: { pipeline: string; number: number; artifacts: ListedArtifact[]; expired: string | null },
  path: string | undefined,
): ListedArtifact[] {
  const { artifacts, expired } = run;
  const wanted = path === undefined ? artifacts : atPath(artifacts, path);
  if (wanted.length > 0) return wanted;
  if (expired !== null)
    throw new CicdError("NOT_FOUND", expired, { hint: "a new run, or a retry of the job, makes them again" });
  if (path === undefined || artifacts.length === 0)
    throw new CicdError("NOT_FOUND", `run #${run.number} of ${run.pipeline} has no artifacts`);
  const paths = artifacts.map((artifact) => artifact.path);
  throw notFound(`there is no artifact "${path}"`, clean(path), paths, "artifacts");
}

async function writeLayers(
  app: App,
  detail: RunDetail,
  request: GetArtifacts,
  signal: AbortSignal,
): Promise<void> {
  const layers = await app.layers();
  let { force } = request;
  for (const attempt of newestAttempts(detail, request.job)) {
    if (isExpired(detail, attempt, app.now())) continue;
    for (const layer of layersOf(attempt)) {
      await layers.writeOut(layer, request.directory, { force }, signal);
      force = true;
    }
  }
}

/** Where the files of an attempt are: those that other jobs get, and its reports. */
export function layersOf({ artifactLayer, results }: AttemptRecord): string[] {
  return [artifactLayer, results?.reportLayer ?? null].filter((layer) => layer !== null);
}

/** Throws NOT_FOUND. */
export async function readArtifact(
  reader: ArtifactReader,
  attempt: AttemptRecord | undefined,
  sha256: string,
): Promise<ReadableStream<Uint8Array>> {
  const layers = attempt === undefined ? [] : layersOf(attempt);
  for (const layer of layers.slice(0, -1)) {
    try {
      return await reader.readArtifact(layer, sha256);
    } catch (error) {
      if (!(error instanceof CicdError) || error.code !== "NOT_FOUND") throw error;
    }
  }
  return reader.readArtifact(layers.at(-1) ?? "", sha256);
}

/**
 * Writes single artifacts below `directory`, each whole or not at all; of several of one path the last one. `read` gives the
 * bytes. Throws USAGE (it is there already, and no `force`), and as `read` and `Files.save`.
 */
export async function saveArtifacts(
  files: Files,
  wanted: ListedArtifact[],
  read: (artifact: ListedArtifact) => Promise<ReadableStream<Uint8Array>>,
  { directory, force }: Pick<GetArtifacts, "directory" | "force">,
  signal: AbortSignal,
): Promise<void> {
  const newest = new Map(wanted.map((artifact) => [artifact.path, artifact]));
  for (const artifact of newest.values()) {
    signal.throwIfAborted();
    const target = join(directory, artifact.path);
    if (await files.save(target, await read(artifact), { force })) continue;
    throw new CicdError("USAGE", `${target} is there already`, { hint: "use --force to replace it" });
  }
}

/** The file of that path, or everything below it. */
function atPath(all: ListedArtifact[], typed: string): ListedArtifact[] {
  const path = clean(typed);
  return all.filter((artifact) => artifact.path === path || artifact.path.startsWith(`${path}/`));
}

function clean(path: string): string {
  return path.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
}

function newestAttempts(detail: RunDetail, job: string | undefined): AttemptRecord[] {
  return detail.jobs
    .filter(({ name }) => job === undefined || name === job)
    .flatMap(({ name }) => findAttempt(detail, name) ?? []);
}

/** The newest attempt of a job. Undefined: there was none. */
export function findAttempt({ jobs, attempts }: RunDetail, name: string): AttemptRecord | undefined {
  const job = jobs.find((candidate) => candidate.name === name);
  return attempts.find(({ jobId, number }) => jobId === job?.id && number === job.attempt);
}

function checkJob(detail: RunDetail, job: string | undefined): void {
  const names = detail.jobs.map(({ name }) => name);
  if (job === undefined || names.includes(job)) return;
  const { number, pipeline } = detail.run;
  throw notFound(`run #${number} of ${pipeline} has no job "${job}"`, job, names, "jobs");
}
