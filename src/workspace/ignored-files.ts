import { CicdError } from "../errors/cicd-error.ts";
import { type Git, records } from "./git.ts";

/**
 * Which paths, relative to the top level `root`, git ignores there; a file that git knows is never ignored. Undefined
 * where they lie behind a link, and are no part of the tree at all. Throws GIT_FAILED.
 */
export async function findIgnoredFiles(
  git: Git,
  root: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const call = {
    cwd: root,
    args: ["check-ignore", "-z", "--stdin"],
    input: `${paths.join("\0")}\0`,
    answers: [0, 1],
    // check-ignore refuses to run with them; a path that begins with a colon is not asked for.
    environment: { GIT_LITERAL_PATHSPECS: "0" },
  };
  try {
    const { stdout } = await git(call, signal);
    return records(stdout, "\0").map((path) => Buffer.from(path, "latin1").toString("utf8"));
  } catch (error) {
    if (error instanceof CicdError && error.message.includes("is beyond a symbolic link")) return undefined;
    throw error;
  }
}
