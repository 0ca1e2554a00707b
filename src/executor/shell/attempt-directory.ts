import { chmod, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CicdError, messageOf } from "../../errors/cicd-error.ts";
import type { AttemptLabels, ExecutionResult } from "../../run/executor.ts";
import { joinBytes } from "./join-bytes.ts";

export type Phase = "main" | "after";

/** The files of one attempt below `<state>/workspaces/<name>`. Private to the user: it holds sources and logs. */
export interface AttemptDirectory {
  path: string;
  /** The job's workspace. */
  tree: string;
  log: string;
  temporary: string;
  /** Of variables that are files. */
  files: string;
}

export function attemptDirectory(stateDir: string, name: string): AttemptDirectory {
  const path = join(stateDir, "workspaces", name);
  return {
    path,
    tree: join(path, "tree"),
    log: join(path, "log"),
    temporary: join(path, "tmp"),
    files: join(path, "files"),
  };
}

/** Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED. */
export async function writeFiles(
  { files: directory }: AttemptDirectory,
  files: { name: string; text: string }[],
): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
    for (const { name, text } of files) await writeFile(join(directory, name), text, { mode: 0o600 });
  } catch (error) {
    throw fileError(error, "write the files of variables");
  }
}

/** False: it is there already, so the attempt is ours to adopt. Throws PERMISSION_DENIED, DISK_FULL, IO_FAILED. */
export async function makeAttemptDirectory(
  directory: AttemptDirectory,
  labels: AttemptLabels,
): Promise<boolean> {
  try {
    await mkdir(join(directory.path, ".."), { recursive: true, mode: 0o700 });
    await mkdir(directory.path, { mode: 0o700 });
    await writeWhole(join(directory.path, "labels.json"), JSON.stringify(labels));
    await mkdir(directory.tree);
    await mkdir(directory.temporary);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw fileError(error, "make the workspace");
  }
}

/** False where the job has removed its workspace or put something else, such as a link, in its place. */
export async function hasTree({ tree }: AttemptDirectory): Promise<boolean> {
  try {
    return (await lstat(tree)).isDirectory();
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return false;
    throw fileError(error, "look at the workspace");
  }
}

/** Makes an empty workspace where the job has removed its own. */
export async function restoreTree(directory: AttemptDirectory): Promise<void> {
  if (await hasTree(directory)) return;
  await rm(directory.tree, { force: true });
  await mkdir(directory.tree, { recursive: true, mode: 0o700 });
}

/** Undefined: half made, or not an attempt's directory. */
export async function readLabels(directory: AttemptDirectory): Promise<AttemptLabels | undefined> {
  const text = await readIfThere(join(directory.path, "labels.json"));
  return text === undefined ? undefined : (JSON.parse(text) as AttemptLabels);
}

/** The process of a phase, as it wrote itself down; undefined: never started. */
export async function readPid(directory: AttemptDirectory, phase: Phase): Promise<number | undefined> {
  const text = await readIfThere(join(directory.path, `${phase}.pid`));
  return text === undefined ? undefined : Number(text);
}

/** Undefined: it runs, or was killed before it could say. */
export async function readExitCode(directory: AttemptDirectory, phase: Phase): Promise<number | undefined> {
  const text = await readIfThere(join(directory.path, `${phase}.exit`));
  return text === undefined ? undefined : Number(text);
}

/** The main script's result, kept while `after_script` runs. */
export async function writeMainResult(directory: AttemptDirectory, result: ExecutionResult): Promise<void> {
  await writeWhole(join(directory.path, "result.json"), JSON.stringify(result));
}

export async function readMainResult(directory: AttemptDirectory): Promise<ExecutionResult | undefined> {
  const text = await readIfThere(join(directory.path, "result.json"));
  return text === undefined ? undefined : (JSON.parse(text) as ExecutionResult);
}

/** Removes it, also what a job made read-only (as Go's module cache is). */
export async function removeAttemptDirectory(directory: AttemptDirectory): Promise<void> {
  try {
    await rm(directory.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  } catch (error) {
    if (!isErrno(error, "EACCES") && !isErrno(error, "EPERM")) throw fileError(error, "remove the workspace");
    await makeWritable(Buffer.from(directory.path));
    await rm(directory.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === code;
}

export function fileError(error: unknown, doing: string): CicdError {
  if (error instanceof CicdError) return error;
  const code = isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT") ? "DISK_FULL" : undefined;
  const denied = isErrno(error, "EACCES") || isErrno(error, "EPERM") || isErrno(error, "EROFS");
  return new CicdError(
    code ?? (denied ? "PERMISSION_DENIED" : "IO_FAILED"),
    `Could not ${doing}: ${messageOf(error)}`,
    { cause: error },
  );
}

async function makeWritable(path: Buffer): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, 0o700);
  const names = await readdir(path, { encoding: "buffer" });
  await Promise.all(names.map((name) => makeWritable(joinBytes(path, name))));
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw fileError(error, `read ${path}`);
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
