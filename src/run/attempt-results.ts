import type { Artifacts } from "../pipeline/pipeline.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import { collectReports } from "./attempt-reports.ts";
import { findCoverage } from "./coverage.ts";
import type { Execution, ExecutionResult } from "./executor.ts";
import type { ArtifactRecord, Outcome } from "./records.ts";
import { selectionOf } from "./untracked-files.ts";
import { sinkWithoutSecretPaths } from "./watched-sink.ts";

/** Artifacts and reports of a job that has ended, and the outcome they make of its result. */
export async function collectResults(
  context: AttemptContext,
  wanted: Artifacts | null,
  attempt: Attempt,
  execution: Execution,
  result: ExecutionResult,
  signal: AbortSignal,
): Promise<Omit<Outcome, "logBytes" | "logSha256">> {
  const { artifactLayer, artifacts } = await collectArtifacts(
    ...[context, wanted, attempt, execution, result, signal],
  );
  if (wanted?.reports === undefined) return { ...result, artifactLayer, artifacts };
  const reports = await collectReports(context, wanted.reports, attempt, execution, result, signal);
  const { tests, testFailures, dotenv, reportLayer, problem } = reports;
  if (problem !== null) await attempt.log.note(`dotenv: ${problem}`);
  const reported = new Set(reports.artifacts.map(({ path }) => path));
  const hasResults = tests !== null || dotenv !== null || reportLayer !== null;
  return {
    ...(problem !== null && result.status === "success" ? unreadable(problem) : result),
    artifactLayer,
    artifacts: [...artifacts.filter(({ path }) => !reported.has(path)), ...reports.artifacts],
    results: hasResults ? { coverage: null, tests, dotenv, reportLayer } : null,
    testFailures,
  };
}

/** The jobs that get its variables would go wrong. */
function unreadable(problem: string): ExecutionResult {
  return { status: "failed", exitCode: null, failureReason: "config_error", message: `dotenv: ${problem}` };
}

/** What the log of a job that has ended says of its coverage is added to its outcome. */
export async function withCoverage(
  { store, persist }: AttemptContext,
  { planned, lease, storing }: Attempt,
  outcome: Outcome,
): Promise<Outcome> {
  if (planned.coverage === null || outcome.status === "canceled") return outcome;
  const { jobId, attempt } = lease;
  const read = (at: { offset: number; maxBytes: number }) =>
    persist("read a log", () => store.readLog({ jobId, attempt, ...at }), storing.giveUp);
  const coverage = await findCoverage(planned.coverage, read, outcome.logBytes);
  if (coverage === null) return outcome;
  const { tests = null, dotenv = null, reportLayer = null } = outcome.results ?? {};
  return { ...outcome, results: { coverage, tests, dotenv, reportLayer } };
}

/** Puts what the job is to leave behind into the stores, once it has ended; what is amiss is noted in its log. */
async function collectArtifacts(
  context: AttemptContext,
  wanted: Artifacts | null,
  { log, phases, run }: Attempt,
  execution: Execution,
  result: ExecutionResult,
  signal: AbortSignal,
): Promise<{ artifactLayer: string | null; artifacts: ArtifactRecord[] }> {
  if (wanted === null || !isCollected(wanted, result)) return NO_ARTIFACTS;
  phases.enter("artifacts");
  await using sink = sinkWithoutSecretPaths(await context.layers.openSink(), log);
  const { paths, exclude, untracked = false } = wanted;
  const selection = await selectionOf(context.layers, run.source.tree, { paths, exclude, untracked });
  const { unmatched } = await execution.collect(selection, sink, signal);
  const { layer, artifacts, leftOut } = await sink.commit();
  const unnamed = leftOut.count - leftOut.entries.length;
  const warnings = [
    ...unmatched.map((pattern) => `nothing matches ${JSON.stringify(pattern)}`),
    ...leftOut.entries.map(({ path, why }) => `${JSON.stringify(path)} is left out: ${why}`),
    ...(unnamed > 0 ? [`${unnamed} more are left out`] : []),
  ];
  for (const warning of warnings) await log.note(`warning: artifacts: ${warning}`);
  return { artifactLayer: layer, artifacts };
}

function isCollected(artifacts: Artifacts, result: ExecutionResult): boolean {
  if (result.failureReason === "image_pull_failure" || result.failureReason === "image_without_shell")
    return false;
  if (artifacts.when === "always") return true;
  return artifacts.when === "on_success" ? result.status === "success" : result.status === "failed";
}

export const NO_ARTIFACTS = { artifactLayer: null, artifacts: [] };
