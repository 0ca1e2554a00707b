import { CicdError } from "../errors/cicd-error.ts";
import { type Git, records } from "./git.ts";

/** Names of the filter drivers (`filter.NAME.clean` and the like) that any configuration git reads here defines. */
export async function findFilterDrivers(git: Git, cwd: string, signal: AbortSignal): Promise<string[]> {
  const { stdout } = await git(
    { cwd, args: ["config", "-z", "--name-only", "--get-regexp", "^filter\\."], answers: [0, 1] },
    signal,
  );
  const names = records(stdout, "\0")
    .filter((key) => key.lastIndexOf(".") >= "filter.".length)
    .map((key) => key.slice("filter.".length, key.lastIndexOf(".")));
  return [...new Set(names)].map((name) => Buffer.from(name, "latin1").toString("utf8"));
}

/**
 * Settings under which no filter driver runs. Throws GIT_FAILED for a name that `-c NAME=VALUE` cannot express, since
 * that driver could not be switched off.
 */
export function withoutFilters(drivers: readonly string[]): [string, string][] {
  return drivers.flatMap((driver): [string, string][] => {
    if (/[=\n]/.test(driver))
      throw new CicdError(
        "GIT_FAILED",
        `The filter driver ${JSON.stringify(driver)} cannot be switched off.`,
        {
          hint: "Remove the section [filter] of that name from the git configuration.",
        },
      );
    return [
      [`filter.${driver}.clean`, ""],
      [`filter.${driver}.smudge`, ""],
      [`filter.${driver}.process`, ""],
      [`filter.${driver}.required`, "false"],
    ];
  });
}
