import { readFileSync, statSync } from "node:fs";
import { availableParallelism, homedir, hostname, userInfo } from "node:os";
import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { Environment } from "./config.ts";
import { noProxy } from "./proxy.ts";

/**
 * The one place where cicd looks at the environment of its process. DEBUG is for what cicd starts, and taken from the
 * process itself: under it the Docker client prints each request to stderr, with environments and credentials. The requests
 * of this process pass proxies by where they go to this host.
 */
export function readEnvironment(): Environment {
  const variables = { ...process.env };
  delete process.env.DEBUG;
  process.env.no_proxy = process.env.NO_PROXY = noProxy(variables);
  return {
    variables,
    homeDir: homedir(),
    userName: readUserName(),
    hostName: hostname(),
    cpus: availableParallelism(),
    isTty: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    readFile,
    isReadByOthers: (path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0,
  };
}

/** A user id without an account (common in containers) has no name. */
function readUserName(): string {
  try {
    const { username, uid } = userInfo();
    return username === "unknown" ? `uid ${uid}` : username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const errno = error instanceof Error && "code" in error ? error.code : undefined;
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw new CicdError("SETTINGS_INVALID", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
