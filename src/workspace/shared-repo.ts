import { basename } from "node:path";
import type { RepoRef } from "../run/records.ts";
import type { Git } from "./git.ts";
import { findRepository } from "./local-repository.ts";
import { looksLikeUrl, parseRepositoryUrl, type RepositoryUrl } from "./repository-url.ts";

/** See `SourceOpener.sharedRepo`. */
export async function findSharedRepo(
  git: Git,
  repo: string,
  hostName: string,
  signal: AbortSignal,
): Promise<RepoRef> {
  if (looksLikeUrl(repo)) return ofUrl(parseRepositoryUrl(repo, { allowHttp: true }), hostName);
  const { topLevel, cwd } = await findRepository(git, repo, signal);
  const origin = await findOrigin(git, cwd, signal);
  return origin === undefined ? ofPath(topLevel ?? cwd, hostName) : ofUrl(origin, hostName);
}

/** Undefined: there is none, or it is a path of this host, or nothing that a server could clone. */
async function findOrigin(git: Git, cwd: string, signal: AbortSignal): Promise<RepositoryUrl | undefined> {
  const args = ["remote", "get-url", "--", "origin"];
  const { status, stdout } = await git({ cwd, args, answers: [0, 1, 2, 128] }, signal);
  const url = stdout.toString("utf8").replace(/\n$/, "");
  if (status !== 0 || !looksLikeUrl(url)) return undefined;
  try {
    const parsed = parseRepositoryUrl(url, { allowHttp: true });
    return parsed.protocol === "file" ? undefined : parsed;
  } catch {
    return undefined;
  }
}

function ofUrl({ protocol, host, port, path }: RepositoryUrl, hostName: string): RepoRef {
  if (protocol === "file") return ofPath(path, hostName);
  const clean = cleanPath(path);
  const isOwnPort = port === undefined || protocol === "ssh" || (protocol === "http" && port === 80);
  const at = host.includes(":") ? `[${host}]` : host;
  return { key: `https://${at}${isOwnPort ? "" : `:${port}`}/${clean}`, name: basename(clean) || host };
}

function ofPath(path: string, hostName: string): RepoRef {
  const clean = cleanPath(path);
  return { key: `${hostName}/${clean}`, name: basename(clean) || hostName };
}

/** Without slashes at both ends and doubled ones, and without the `.git` that may end it. */
function cleanPath(path: string): string {
  const names = path.split("/").filter((name) => name !== "");
  return names.join("/").replace(/(?<=[^/])\.git$/, "");
}
