import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { AttemptRecord } from "../run/records.ts";
import type { RunDetail } from "../run/store.ts";
import type { App } from "./app.ts";
import { notFound } from "./find-run.ts";

export interface ListedArtifact {
  job: string;
  attempt: number;
  path: string;
  sizeBytes: number;
  sha256: string;
}

/** The artifacts of the newest attempts, by job and path. Throws NOT_FOUND for a job that the run does not have. */
export function listArtifacts(detail: RunDetail, options: { job?: string }): ListedArtifact[] {
  checkJob(detail, options.job);
  return detail.jobs
    .filter((job) => options.job === undefined || job.name === options.job)
    .flatMap((job) =>
      detail.artifacts
        .filter((artifact) => artifact.jobId === job.id && artifact.attempt === job.attempt)
        .map(({ attempt, path, sizeBytes, sha256 }) => ({ job: job.name, attempt, path, sizeBytes, sha256 })),
    );
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
  const all = listArtifacts(detail, request.job === undefined ? {} : { job: request.job });
  if (all.length === 0) {
    throw new CicdError("NOT_FOUND", `run #${detail.run.number} of ${detail.run.pipeline} has no artifacts`);
  }
  if (request.path === undefined) {
    await writeLayers(app, detail, request, signal);
    return all;
  }
  const wanted = selectByPath(all, request.path);
  await writeFiles(app, wanted, request, signal);
  return wanted;
}

async function writeLayers(
  app: App,
  detail: RunDetail,
  request: GetArtifacts,
  signal: AbortSignal,
): Promise<void> {
  const layers = await app.layers();
  let { force } = request;
  for (const { artifactLayer } of newestAttempts(detail, request.job)) {
    if (artifactLayer === null) continue;
    await layers.writeOut(artifactLayer, request.directory, { force }, signal);
    force = true;
  }
}

async function writeFiles(
  app: App,
  wanted: ListedArtifact[],
  request: GetArtifacts,
  signal: AbortSignal,
): Promise<void> {
  const layers = await app.layers();
  const newest = new Map(wanted.map((artifact) => [artifact.path, artifact]));
  for (const { path, sha256 } of newest.values()) {
    signal.throwIfAborted();
    const target = join(request.directory, path);
    if (await app.files.save(target, await layers.readArtifact(sha256), { force: request.force })) continue;
    throw new CicdError("USAGE", `${target} is there already`, { hint: "use --force to replace it" });
  }
}

function selectByPath(all: ListedArtifact[], typed: string): ListedArtifact[] {
  const path = typed.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
  const wanted = all.filter((artifact) => artifact.path === path || artifact.path.startsWith(`${path}/`));
  if (wanted.length > 0) return wanted;
  const paths = all.map((artifact) => artifact.path);
  throw notFound(`there is no artifact "${typed}"`, path, paths, "artifacts");
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
