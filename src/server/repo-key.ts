import type { App } from "../app/app.ts";

/** The key that runs are recorded under, of a repository by its key or by its address; nothing of this host is looked at. */
export async function repoKeyOf(app: App, repo: string, signal: AbortSignal): Promise<string> {
  const isAddress = /^[a-z]+:\/\//i.test(repo) || /^[\w.+-]+@[^/:]+:./.test(repo);
  return isAddress ? (await (await app.sources()).sharedRepo(repo, signal)).key : repo;
}
