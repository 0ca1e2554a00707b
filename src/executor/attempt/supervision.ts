import type { StopReason } from "../../run/executor.ts";
import { clampTimer, settlesWithin } from "./deadline.ts";

/** Something started that ends: a container's run, a process group. */
export interface Running<State> {
  /** Settles when it has ended. */
  exit: Promise<State>;
  /** Sends a signal; false when it was not running any more. */
  send(signal: "SIGTERM" | "SIGKILL"): Promise<boolean>;
}

/**
 * How it ended. `stoppedBy`: who sent it a signal while it was still running; null when it ended by itself. `detached`:
 * it was left running, and there is no state.
 */
export type Ending<State> =
  | { detached: true }
  | { detached: false; state: State; stoppedBy: "cancel" | "kill" | "timeout" | null };

/**
 * Waits for the end, and brings it about when the time is up or `signals.stop` says so: SIGTERM, `graceMs`, SIGKILL; at
 * once for `kill` and `lease_lost`, and as soon as `signals.kill` is aborted. Rejects as `exit` does.
 */
export async function supervise<State>(
  running: Running<State>,
  limits: { timeoutMs: number; graceMs: number },
  signals: { stop: AbortSignal; kill: AbortSignal },
): Promise<Ending<State>> {
  let stoppedBy: "cancel" | "kill" | "timeout" | null = null;
  let stopping: Promise<void> | undefined;
  const stop = (cause: "cancel" | "kill" | "timeout") => {
    stopping ??= terminate(running, cause === "kill" ? 0 : limits.graceMs, () => {
      stoppedBy = cause;
    });
    stopping.catch(() => {});
  };

  const detach = Promise.withResolvers<{ detached: true }>();
  const onStop = () => {
    const reason = stopReason(signals.stop);
    if (reason === "detach") detach.resolve({ detached: true });
    else stop(reason === "cancel" ? "cancel" : "kill");
  };
  const onKill = () => {
    if (stopping === undefined) stop("kill");
    else running.send("SIGKILL").catch(() => {});
  };
  const timer = setTimeout(() => stop("timeout"), clampTimer(limits.timeoutMs));
  signals.stop.addEventListener("abort", onStop, { once: true });
  signals.kill.addEventListener("abort", onKill, { once: true });
  if (signals.stop.aborted) onStop();
  if (signals.kill.aborted) onKill();
  try {
    const ended = await Promise.race([running.exit.then((state) => ({ state })), detach.promise]);
    if ("detached" in ended) return { detached: true };
    await stopping?.catch(() => {});
    return { detached: false, state: ended.state, stoppedBy };
  } finally {
    clearTimeout(timer);
    signals.stop.removeEventListener("abort", onStop);
    signals.kill.removeEventListener("abort", onKill);
  }
}

/** Anything that is not one of ours counts as `cancel`. */
export function stopReason(signal: AbortSignal): StopReason {
  const reason: unknown = signal.reason;
  return reason === "kill" || reason === "lease_lost" || reason === "detach" ? reason : "cancel";
}

async function terminate<State>(running: Running<State>, graceMs: number, onSent: () => void): Promise<void> {
  if (!(await running.send(graceMs > 0 ? "SIGTERM" : "SIGKILL"))) return;
  onSent();
  if (graceMs > 0 && !(await settlesWithin(running.exit, graceMs))) await running.send("SIGKILL");
}
