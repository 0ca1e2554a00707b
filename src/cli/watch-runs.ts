import type { RemoteService } from "../app/service.ts";
import type { RunSummaryJson } from "../app/shapes.ts";
import { EXIT } from "../errors/codes.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import type { InterruptSignal } from "./interrupts.ts";
import type { Output } from "./output.ts";
import { readKey } from "./read-key.ts";
import { exitStatusOf, type ShownRun, showRuns } from "./show-runs.ts";
import { tellDetached } from "./tell-detached.ts";
import { chooseView } from "./view/choose-view.ts";
import { warnOfWaiting } from "./warn-of-waiting.ts";

type Context = Pick<CommandContext<FlagDefs>, "output" | "interrupts">;

const QUESTION = "press c to cancel it, d to detach";
/** Ctrl-C and Ctrl-D come as keys while it is asked. */
const ANSWERS = {
  c: "cancel",
  C: "cancel",
  "\x03": "cancel",
  d: "detach",
  D: "detach",
  "\x04": "detach",
} as const;
const CANCELING = "canceling, Ctrl-C stops waiting";
const DETACHED = new Error("detached");

/**
 * Shows runs that a server drives to their end. The first Ctrl-C asks at a terminal what to do and cancels elsewhere, as
 * the second does at the terminal, and SIGTERM anywhere; one more stops waiting for the end. A terminal that goes away
 * (SIGHUP) leaves the runs to the server. Returns the exit status of all of them together.
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
  const answered = new AbortController();
  const react = async (count: number, name: InterruptSignal) => {
    if (name === "SIGHUP") return stop.abort(DETACHED);
    if (name === "SIGTERM" || count > 1 || !mayAsk(output)) {
      answered.abort();
      return cancel();
    }
    view.tell(QUESTION);
    const answer = await readKey(ANSWERS, AbortSignal.any([answered.signal, stop.signal]));
    if (answered.signal.aborted || stop.signal.aborted) return;
    if (answer === "cancel") cancel();
    else stop.abort(DETACHED);
  };
  using _listening = interrupts.listen((count, name) => void react(count, name));
  if (interrupts.last !== undefined) void react(1, interrupts.last);
  const shown = runs.map((entry) => entry.shown);
  for (const { id } of shown)
    void warnOfWaiting(remote, output, id, AbortSignal.any([answered.signal, stop.signal]));
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
  } finally {
    answered.abort();
  }
}

function mayAsk(output: Output): boolean {
  return process.stdin.isTTY && output.isTerminal.stderr && !output.json;
}
