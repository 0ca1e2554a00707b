import type { RemoteService } from "../app/service.ts";
import type { RunSummaryJson } from "../app/shapes.ts";
import { EXIT } from "../errors/codes.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import type { Output } from "./output.ts";
import { exitStatusOf, type ShownRun, showRuns } from "./show-runs.ts";
import { tellDetached } from "./tell-detached.ts";
import { chooseView } from "./view/choose-view.ts";

type Context = Pick<CommandContext<FlagDefs>, "output" | "interrupts">;

const QUESTION = "cancel the run or detach from it? [c/d]";
const CANCELING = "canceling, Ctrl-C again to stop waiting";
const DETACHED = new Error("detached");

/**
 * Shows runs that a server drives to their end. The first interrupt asks at a terminal what to do and cancels elsewhere, as
 * the second does at the terminal; one more stops waiting for the end. Returns the exit status of all of them together.
 */
export async function watchRuns(
  { output, interrupts }: Context,
  remote: RemoteService,
  runs: { run: RunSummaryJson; shown: ShownRun }[],
): Promise<number> {
  const view = chooseView(output);
  const stop = new AbortController();
  let isCanceling = false;
  const cancel = () => {
    if (isCanceling) return stop.abort(interrupts.signal.reason);
    isCanceling = true;
    view.tell(CANCELING);
    const ids = runs.map(({ run }) => run.id);
    remote.cancelRuns(ids, stop.signal).catch((error: unknown) => stop.abort(error));
  };
  const react = async (count: number) => {
    if (count > 1 || !mayAsk(output)) return cancel();
    view.tell(QUESTION);
    // A terminal that has gone away answers nothing any more.
    const answer = await readAnswer().catch(() => "c");
    if (answer === "d") stop.abort(DETACHED);
    else if (!isCanceling) cancel();
  };
  using _listening = interrupts.listen((count) => void react(count));
  if (interrupts.wasInterrupted) void react(1);
  const shown = runs.map((entry) => entry.shown);
  try {
    const ended = await showRuns({ service: remote, output, view }, shown, stop.signal);
    if (isCanceling) return EXIT.interrupted;
    // It ended before the question was answered.
    interrupts.forgive();
    return exitStatusOf(ended);
  } catch (error) {
    await view.leave();
    if (stop.signal.reason !== DETACHED) {
      output.note(
        isCanceling
          ? "the server was asked to cancel; see: cicd list"
          : "the run may go on there; see: cicd list",
      );
      throw error;
    }
    interrupts.forgive();
    return tellDetached(
      output,
      runs.map(({ run }) => run),
    );
  }
}

function mayAsk(output: Output): boolean {
  return process.stdin.isTTY && output.isTerminal.stderr && !output.json;
}

/** `c` or `d`; whoever says nothing any more has said `c`. */
async function readAnswer(): Promise<"c" | "d"> {
  for await (const line of console) {
    if (/^d(etach)?$/i.test(line.trim())) return "d";
    if (/^c(ancel)?$/i.test(line.trim())) return "c";
  }
  return "c";
}
