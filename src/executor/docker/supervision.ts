import type Dockerode from "dockerode";
import type { StopReason } from "../../run/executor.ts";
import type { Engine } from "./connection.ts";
import { settlesWithin } from "./deadline.ts";
import { askLeniently, statusOf } from "./engine-error.ts";

/** The engine may be away for so long (a restart, an upgrade) before a running job is given up. */
const ENGINE_AWAY_MS = 60_000;
const RETRY_MS = 250;

export type ContainerState = Dockerode.ContainerInspectInfo["State"];

/**
 * How one start of a container ended. `stoppedBy`: who sent it a signal while it was still running; null when it ended
 * by itself. `detached`: it was left running and `state` is null. `state` null otherwise: somebody removed it.
 */
export interface Ending {
  state: ContainerState | null;
  stoppedBy: "cancel" | "kill" | "timeout" | null;
  detached: boolean;
}

/**
 * Waits for a started container, and stops it when the time is up or `signals.stop` says so: SIGTERM, `graceMs`,
 * SIGKILL; at once for `kill` and `lease_lost`, and as soon as `signals.kill` is aborted. Throws DOCKER_UNREACHABLE when
 * the engine stays away.
 */
export async function supervise(
  engine: Engine,
  containerId: string,
  limits: { timeoutMs: number; graceMs: number },
  signals: { stop: AbortSignal; kill: AbortSignal },
): Promise<Ending> {
  const waiting = new AbortController();
  const exit = waitForExit(engine, containerId, waiting.signal);
  let stoppedBy: Ending["stoppedBy"] = null;
  let stopping: Promise<void> | undefined;
  const stop = (cause: NonNullable<Ending["stoppedBy"]>) => {
    stopping ??= stopContainer(engine, containerId, cause === "kill" ? 0 : limits.graceMs, exit).then(
      (sent) => {
        if (sent) stoppedBy = cause;
      },
    );
    stopping.catch(() => {});
  };

  const detach = Promise.withResolvers<"detached">();
  const onStop = () => {
    const reason = stopReason(signals.stop);
    if (reason === "detach") detach.resolve("detached");
    else stop(reason === "cancel" ? "cancel" : "kill");
  };
  const onKill = () => {
    if (stopping === undefined) stop("kill");
    else sendSignal(engine, containerId, "SIGKILL").catch(() => {});
  };
  const timer = setTimeout(() => stop("timeout"), Math.max(0, Math.min(limits.timeoutMs, 2 ** 31 - 1)));
  signals.stop.addEventListener("abort", onStop, { once: true });
  signals.kill.addEventListener("abort", onKill, { once: true });
  if (signals.stop.aborted) onStop();
  if (signals.kill.aborted) onKill();
  try {
    const ended = await Promise.race([exit, detach.promise]);
    if (ended === "detached") return { state: null, stoppedBy: null, detached: true };
    await stopping?.catch(() => {});
    return { state: ended, stoppedBy, detached: false };
  } finally {
    clearTimeout(timer);
    signals.stop.removeEventListener("abort", onStop);
    signals.kill.removeEventListener("abort", onKill);
    waiting.abort();
  }
}

/** Anything that is not one of ours counts as `cancel`. */
export function stopReason(signal: AbortSignal): StopReason {
  const reason: unknown = signal.reason;
  return reason === "kill" || reason === "lease_lost" || reason === "detach" ? reason : "cancel";
}

/** Returns true when a signal reached the container while it ran. */
async function stopContainer(
  engine: Engine,
  containerId: string,
  graceMs: number,
  exit: Promise<unknown>,
): Promise<boolean> {
  if (graceMs > 0) {
    if (!(await sendSignal(engine, containerId, "SIGTERM"))) return false;
    if (await settlesWithin(exit, graceMs)) return true;
    await sendSignal(engine, containerId, "SIGKILL");
    return true;
  }
  return await sendSignal(engine, containerId, "SIGKILL");
}

/** Returns false when the container was not running any more (409) or is gone (404). */
async function sendSignal(engine: Engine, containerId: string, name: string): Promise<boolean> {
  const sent = engine.docker.getContainer(containerId).kill({ signal: name });
  const answer = askLeniently(
    engine.host,
    "stop the container",
    sent.then(() => true as const),
    [404, 409],
  );
  return (await answer) === true;
}

/** Null: the container is gone. Rejects with DOCKER_UNREACHABLE; never settles after `signal`. */
async function waitForExit(
  engine: Engine,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerState | null> {
  const container = engine.docker.getContainer(containerId);
  let awaySince: number | undefined;
  for (;;) {
    try {
      await container.wait({ abortSignal: signal });
      const { State } = await container.inspect();
      if (!State.Running) return State;
      awaySince = undefined;
    } catch (error) {
      if (signal.aborted) return null;
      if (statusOf(error) === 404) return null;
      awaySince ??= performance.now();
      if (performance.now() - awaySince > ENGINE_AWAY_MS) {
        await askLeniently(engine.host, "wait for the container", Promise.reject(error), []);
      }
      await Bun.sleep(RETRY_MS);
    }
  }
}
