import type { Artifacts } from "../pipeline/pipeline.ts";
import type { Attempt, AttemptContext } from "./attempt.ts";
import type { Execution, ExecutionResult } from "./executor.ts";
import type { ArtifactRecord } from "./records.ts";
import { selectionOf } from "./untracked-files.ts";

/** Puts what the job is to leave behind into the stores, once it has ended; what is amiss is noted in its log. */
export async function collectArtifacts(
  context: AttemptContext,
  wanted: Artifacts | null,
  { log, phases, run }: Attempt,
  execution: Execution,
  result: ExecutionResult,
  signal: AbortSignal,
): Promise<{ artifactLayer: string | null; artifacts: ArtifactRecord[] }> {
  if (wanted === null || !isCollected(wanted, result)) return NO_ARTIFACTS;
  phases.enter("artifacts");
  await using sink = await context.layers.openSink();
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
