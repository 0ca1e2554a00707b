import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CicdError } from "../../errors/cicd-error.ts";
import type { AttemptLabels, AttemptSpec, Execution, Executor, SweepResult } from "../../run/executor.ts";
import { CANCELED, failedResult, LEFTOVERS_GONE } from "../attempt/result.ts";
import { settledExecution } from "../attempt/settled-execution.ts";
import { stopReason } from "../attempt/supervision.ts";
import { lateResult, TimeLimit } from "../attempt/time-limit.ts";
import { environmentProblem } from "../script/environment.ts";
import {
  type AttemptDirectory,
  attemptDirectory,
  makeAttemptDirectory,
  readLabels,
  removeAttemptDirectory,
  writeFiles,
} from "./attempt-directory.ts";
import { layLayers } from "./lay-layers.ts";
import { killGroups } from "./process-group.ts";
import { ShellExecution } from "./shell-execution.ts";

export interface ShellExecutorOptions {
  /** Names this installation in the attempts' labels. */
  instance: string;
  /** An absolute path; workspaces lie in `workspaces/` below it. */
  stateDir: string;
  /** The host's environment; jobs see only a few names of it. */
  environment: Record<string, string | undefined>;
}

/** What jobs get of the host's environment: what programs need to run at all. The rest may hold secrets. */
const PASSED_ON = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR"];

const NO_SERVICES =
  "The job has services, which need Docker: run it with --executor docker, or start them in the script.";

/** A directory without labels that is older than this was left half made. */
const HALF_MADE_MS = 60_000;

/**
 * Runs each attempt on this host: no isolation, for machines without Docker and pipelines one trusts. What a job leaves
 * running ends with it: its process group everywhere, what left that group on Linux alone.
 */
export function createShellExecutor(options: ShellExecutorOptions): Executor {
  const { instance, stateDir } = options;
  const inherited = pickInherited(options.environment);
  return {
    kind: "shell",
    check: async () => {},
    projectDir: (name) => attemptDirectory(stateDir, name).tree,
    filePath: (name, file) => join(attemptDirectory(stateDir, name).files, file),
    start: (spec, signal) => start(attemptDirectory(stateDir, spec.name), spec, inherited, signal),
    sweep: (isLive) => sweep(stateDir, instance, isLive),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function start(
  directory: AttemptDirectory,
  spec: AttemptSpec,
  inherited: Record<string, string>,
  signal: AbortSignal,
): Promise<Execution> {
  const problem =
    environmentProblem(spec.environment) ?? (spec.job.services.length > 0 ? NO_SERVICES : undefined);
  if (problem !== undefined) return settledExecution(failedResult("config_error", null, problem));
  using limit = new TimeLimit(spec.timeoutMs);
  const environment = { ...inherited, ...spec.environment };
  try {
    if (!(await makeAttemptDirectory(directory, spec.labels))) {
      await refuseForeign(directory, spec);
      const adopted = await ShellExecution.adopt(directory, spec, environment, limit, signal);
      if (adopted !== undefined) return adopted;
      await removeAttemptDirectory(directory);
      if (spec.isUnderWay) return settledExecution(LEFTOVERS_GONE);
      return await start(directory, { ...spec, timeoutMs: limit.leftMs }, inherited, signal);
    }
    if (spec.isUnderWay) {
      await removeAttemptDirectory(directory);
      return settledExecution(LEFTOVERS_GONE);
    }
    const ending = AbortSignal.any([signal, limit.expired]);
    spec.onPhase("workspace");
    await layLayers(spec.layers, directory.tree, ending);
    if (spec.files.length > 0) await writeFiles(directory, spec.files);
    ending.throwIfAborted();
    spec.onPhase("start");
    return await ShellExecution.launch(directory, spec, environment, limit, signal);
  } catch (error) {
    if (error instanceof ForeignWorkspace) throw error.asError();
    if (signal.aborted && stopReason(signal) === "detach") return settledExecution(CANCELED);
    await removeAttemptDirectory(directory);
    if (signal.aborted) return settledExecution(CANCELED);
    if (limit.expired.aborted) return settledExecution(lateResult());
    throw error;
  }
}

/** Thrown apart from other failures: nothing of that workspace may be removed. */
class ForeignWorkspace extends Error {
  asError(): CicdError {
    return new CicdError("IO_FAILED", `The workspace ${this.message} belongs to another attempt.`);
  }
}

async function refuseForeign(directory: AttemptDirectory, { labels }: AttemptSpec): Promise<void> {
  const found = await readLabels(directory);
  if (found === undefined) return;
  const same =
    found.instance === labels.instance &&
    found.run === labels.run &&
    found.job === labels.job &&
    found.attempt === labels.attempt;
  if (!same) throw new ForeignWorkspace(directory.path);
}

async function sweep(
  stateDir: string,
  instance: string,
  isLive: (labels: AttemptLabels) => Promise<boolean>,
): Promise<SweepResult> {
  let directories = 0;
  for (const name of await listWorkspaces(stateDir)) {
    const directory = attemptDirectory(stateDir, name);
    const labels = await readLabels(directory);
    if (
      labels === undefined ? await isFresh(directory) : labels.instance !== instance || (await isLive(labels))
    ) {
      continue;
    }
    await killGroups(directory);
    await removeAttemptDirectory(directory);
    directories += 1;
  }
  return { containers: 0, networks: 0, volumes: 0, directories };
}

async function listWorkspaces(stateDir: string): Promise<string[]> {
  return await readdir(join(stateDir, "workspaces")).catch(() => []);
}

async function isFresh({ path }: AttemptDirectory): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info === undefined || Date.now() - info.mtimeMs < HALF_MADE_MS;
}

function pickInherited(environment: Record<string, string | undefined>): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = environment[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
