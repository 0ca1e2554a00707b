import type { ExecutionResult } from "../../run/executor.ts";
import { failedResult, scriptResult, stoppedResult } from "../attempt/result.ts";
import type { Ending } from "../attempt/supervision.ts";
import type { ContainerState } from "./running-container.ts";

/** The result of the main script. `outOfMemory`: the kernel killed a process of it at its memory limit. */
export function containerResult(
  { state, stoppedBy }: Extract<Ending<ContainerState | null>, { detached: false }>,
  context: { image: string; timeoutMs: number; outOfMemory: boolean; hasShell: boolean },
): ExecutionResult {
  const exitCode = state?.ExitCode ?? null;
  if (stoppedBy !== null) return stoppedResult(stoppedBy, context.timeoutMs);
  if (exitCode === null || state === null) {
    return failedResult("runner_system_failure", null, "The container was removed while the job ran.");
  }
  if (exitCode !== 0 && context.outOfMemory) {
    return failedResult(
      "oom_killed",
      exitCode,
      "The job used more memory than its container may and was killed.",
    );
  }
  if (!context.hasShell) {
    return failedResult(
      "image_without_shell",
      exitCode,
      `The image ${context.image} has no shell (sh), which running a script needs. Use an image that has one.`,
    );
  }
  return scriptResult(exitCode);
}
