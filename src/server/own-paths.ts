import { CicdError } from "../errors/cicd-error.ts";

/**
 * Throws GIT_URL_REFUSED for a path of the server's own, before anything looks there. Which addresses it may clone is up to
 * whoever opens them.
 */
export function refuseOwnPaths(repo: string): void {
  const isRemote = /^(https?|ssh):\/\//i.test(repo) || /^[\w.+-]+@[^/:]+:./.test(repo);
  if (isRemote) return;
  throw new CicdError("GIT_URL_REFUSED", "a server takes repositories by https:// and ssh:// addresses", {
    hint: "a working tree of yours is sent by: cicd run --server URL",
  });
}
