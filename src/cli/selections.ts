import { checkCommit, type RunSelection } from "../app/find-run.ts";
import type { PipelineSelection } from "../app/run-request.ts";
import { CicdError } from "../errors/cicd-error.ts";

interface RefFlags {
  repo: string | undefined;
  branch?: string | undefined;
  commit?: string | undefined;
}

/** Which pipelines to read. Throws USAGE for `-p` with `-f`. */
export function toPipelineSelection(
  flags: RefFlags & { pipeline: string | undefined; file: string | undefined; override: string[] },
  executor: "docker" | "shell",
): PipelineSelection {
  refuseBoth(flags.pipeline, "-p", flags.file, "-f");
  return {
    ...toRefs(flags),
    ...(flags.pipeline === undefined ? {} : { pipeline: flags.pipeline }),
    ...(flags.file === undefined ? {} : { file: flags.file }),
    overrides: flags.override,
    imageRequired: executor === "docker",
  };
}

/** Which recorded runs are meant. Throws USAGE for a commit that is none. */
export function toRunSelection(
  flags: RefFlags & { pipeline?: string | undefined; run?: number | undefined },
): RunSelection {
  if (flags.commit !== undefined) checkCommit(flags.commit);
  return {
    ...toRefs(flags),
    ...(flags.pipeline === undefined ? {} : { pipeline: flags.pipeline }),
    ...(flags.run === undefined ? {} : { number: flags.run }),
  };
}

export function refuseBoth(one: unknown, oneName: string, other: unknown, otherName: string): void {
  if (!isGiven(one) || !isGiven(other)) return;
  throw new CicdError("USAGE", `${oneName} and ${otherName} exclude each other`);
}

/** `K=V` of `--var`; a later one of the same name wins. Throws USAGE for a name that no variable can have. */
export function toVariables(given: string[]): Record<string, string> {
  const entries = given.map((text): [string, string] => {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text);
    if (match === null) {
      throw new CicdError("USAGE", `--var "${text}" is not of the form NAME=VALUE`, {
        hint: "a name is letters, digits and _, not starting with a digit",
      });
    }
    return [match[1]!, match[2]!];
  });
  return Object.fromEntries(entries);
}

function toRefs(flags: RefFlags): { repo: string; branch?: string; commit?: string } {
  return {
    repo: flags.repo ?? ".",
    ...(flags.branch === undefined ? {} : { branch: flags.branch }),
    ...(flags.commit === undefined ? {} : { commit: flags.commit }),
  };
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}
