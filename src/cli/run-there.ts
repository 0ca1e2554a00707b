import type { PlanRequest, RemoteService } from "../app/service.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import { refuseInvalid } from "./invalid-files.ts";
import { tellDetached } from "./tell-detached.ts";
import { watchRuns } from "./watch-runs.ts";

/** `cicd run` on a server: sends what is to be run, then shows it, or leaves it to itself. Returns the exit status. */
export async function runThere(
  context: Pick<CommandContext<FlagDefs>, "output" | "interrupts">,
  remote: RemoteService,
  request: PlanRequest,
  { isDetached }: { isDetached: boolean },
): Promise<number> {
  const { output, interrupts } = context;
  const started = await remote.start(request, interrupts.signal);
  if (started.kind === "invalid") throw await refuseInvalid(started.files, output);
  for (const warning of started.warnings) output.warn(warning);
  if (isDetached && !interrupts.wasInterrupted) return tellDetached(output, started.runs);
  const shown = (id: string) => ({ id, afterEvent: 0, named: request.jobs });
  return watchRuns(
    context,
    remote,
    started.runs.map((run) => ({ run, shown: shown(run.id) })),
  );
}
