import type { Reports } from "../pipeline/pipeline.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { MAX_DOTENV_BYTES, MAX_DOTENV_NAMES, readDotenv } from "./dotenv.ts";
import type { Execution, ExecutionResult } from "./executor.ts";
import type { ArtifactRecord } from "./records.ts";
import { addCounts, NO_TESTS, type TestCounts, type TestFailure } from "./test-results.ts";
import { sinkWithoutSecretPaths, watchedSink } from "./watched-sink.ts";

const MAX_FILES = 100;
const MAX_JUNIT_BYTES = 10 * 1024 * 1024;
const MAX_FAILURES = 1000;

export interface CollectedReports {
  reportLayer: string | null;
  artifacts: ArtifactRecord[];
  tests: TestCounts | null;
  testFailures: TestFailure[];
  dotenv: Record<string, string> | null;
  /** What is wrong with a dotenv file: the jobs that get it would be, too. */
  problem: string | null;
}

/**
 * Keeps the report files of a job that has ended, whether it failed or not, in a layer of their own, and reads them. Broken JUnit
 * files are told of in the log.
 */
export async function collectReports(
  context: AttemptContext,
  reports: Reports | undefined,
  attempt: Attempt,
  execution: Execution,
  { status, failureReason }: ExecutionResult,
  signal: AbortSignal,
): Promise<CollectedReports> {
  if (reports === undefined || status === "canceled") return NO_REPORTS;
  if (failureReason === "image_pull_failure" || failureReason === "image_without_shell") return NO_REPORTS;
  const { log, phases } = attempt;
  phases.enter("artifacts");
  await using sink = sinkWithoutSecretPaths(await context.layers.openSink(), log);
  const taken = { junit: new Set<string>(), dotenv: new Set<string>(), others: new Set<string>() };
  for (const kind of ["junit", "dotenv", "others"] as const) {
    if (reports[kind].length === 0) continue;
    const selection = { paths: reports[kind], exclude: [] };
    const noting = watchedSink(sink, (path) => {
      taken[kind].add(path);
      return true;
    });
    const { unmatched } = await execution.collect(selection, noting, signal);
    for (const pattern of unmatched)
      await log.note(`warning: reports: nothing matches ${JSON.stringify(pattern)}`);
  }
  const { layer, artifacts, leftOut } = await sink.commit();
  for (const { path, why } of leftOut.entries)
    await log.note(`warning: reports: ${JSON.stringify(path)} is left out: ${why}`);
  if (layer === null) return NO_REPORTS;
  const read = ({ sha256 }: ArtifactRecord) => context.layers.readArtifact(layer, sha256);
  const ofKind = (kind: keyof typeof taken) => artifacts.filter(({ path }) => taken[kind].has(path));
  const projectDir = context.executor.projectDir(attempt.name);
  const tests = await readTests(context, ofKind("junit"), read, projectDir, log);
  const variables = await readVariables(ofKind("dotenv"), read);
  if (variables !== null && typeof variables !== "string") await leaveOutSecrets(variables, log);
  return {
    reportLayer: layer,
    artifacts,
    ...tests,
    ...(typeof variables === "string"
      ? { dotenv: null, problem: variables }
      : { dotenv: variables, problem: null }),
  };
}

type Read = (file: ArtifactRecord) => Promise<AsyncIterable<Uint8Array>>;

async function readTests(
  { readJunit }: AttemptContext,
  files: ArtifactRecord[],
  read: Read,
  projectDir: string,
  log: AttemptLog,
): Promise<Pick<CollectedReports, "tests" | "testFailures">> {
  let tests: TestCounts | null = null;
  const testFailures: TestFailure[] = [];
  const warn = (text: string) => log.note(`warning: junit: ${text}`);
  if (files.length > MAX_FILES) await warn(`of ${files.length} files the first ${MAX_FILES} are read`);
  for (const file of files.slice(0, MAX_FILES)) {
    if (file.sizeBytes > MAX_JUNIT_BYTES) {
      await warn(`${file.path} is larger than ${MAX_JUNIT_BYTES} bytes and is not read`);
      continue;
    }
    const maxFailures = MAX_FAILURES - testFailures.length;
    const report = await readJunit(await read(file), { projectDir, maxFailures });
    if ("problem" in report) await warn(`${file.path}:${report.line}: ${report.problem}`);
    else {
      tests = addCounts(tests ?? NO_TESTS, report.counts);
      for (const failure of report.failures) testFailures.push(maskedFailure(failure, log));
    }
  }
  return { tests, testFailures };
}

function maskedFailure(failure: TestFailure, log: AttemptLog): TestFailure {
  const masked = (text: string | null) => text && log.masked(text);
  const { suite, className, name, file, message, detail } = failure;
  return {
    ...failure,
    suite: masked(suite),
    className: masked(className),
    name: log.masked(name),
    file: masked(file),
    message: masked(message),
    detail: masked(detail),
  };
}

/** They would be stored as they are, and given to jobs that were not to have them. */
async function leaveOutSecrets(variables: Record<string, string>, log: AttemptLog): Promise<void> {
  const names = Object.keys(variables).filter((name) => log.hidesPartOf(variables[name]!));
  for (const name of names) delete variables[name];
  if (names.length > 0)
    await log.note(`warning: dotenv: left out, as they hold a secret: ${names.join(", ")}`);
}

/** Of all files together, later ones win; or what is wrong with one. */
async function readVariables(
  files: ArtifactRecord[],
  read: Read,
): Promise<Record<string, string> | null | string> {
  if (files.length === 0) return null;
  const all = new Map<string, string>();
  let sizeBytes = 0;
  for (const file of files) {
    sizeBytes += file.sizeBytes;
    if (sizeBytes > MAX_DOTENV_BYTES) return `${file.path}: more than ${MAX_DOTENV_BYTES} bytes of variables`;
    const variables = readDotenv(await textOf(await read(file)));
    if ("problem" in variables) return `${file.path}:${variables.line}: ${variables.problem}`;
    for (const [name, value] of variables) all.set(name, value);
    if (all.size > MAX_DOTENV_NAMES) return `${file.path}: more than ${MAX_DOTENV_NAMES} variables`;
  }
  return Object.fromEntries(all);
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of content) text += decoder.decode(bytes, { stream: true });
  return text + decoder.decode();
}

export const NO_REPORTS: CollectedReports = {
  reportLayer: null,
  artifacts: [],
  tests: null,
  testFailures: [],
  dotenv: null,
  problem: null,
};
