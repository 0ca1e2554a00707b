import type Dockerode from "dockerode";
import { CicdError } from "../../errors/cicd-error.ts";
import { pause } from "../../run/persist.ts";
import { settlesWithin } from "../attempt/deadline.ts";
import { orAbort } from "../attempt/or-abort.ts";
import type { Running } from "../attempt/supervision.ts";
import type { Engine } from "./connection.ts";
import { askLeniently, engineError, statusOf } from "./engine-error.ts";

/** The engine may be away for so long (a restart, an upgrade) before a running job is given up. */
const ENGINE_AWAY_MS = 60_000;
const RETRY_MS = 250;
/** A wait whose connection was cut may never settle: the container is looked at anyway, this far apart. */
const LOOK_MS = 5_000;

export type ContainerState = Dockerode.ContainerInspectInfo["State"];

/** A started container. Its state is null when somebody removed it; `exit` rejects with DOCKER_UNREACHABLE when the engine stays away. */
export function runningContainer(
  engine: Engine,
  containerId: string,
  signal: AbortSignal,
): Running<ContainerState | null> {
  const sendOnce = async (name: string) => {
    const sent = engine.docker.getContainer(containerId).kill({ signal: name, abortSignal: signal });
    const answer = sent.then(() => true as const);
    return (await askLeniently(engine.host, "stop the container", answer, [404, 409])) === true;
  };
  return {
    exit: waitForExit(engine, containerId, signal),
    /** Sent again until an engine that is away is back, or the container has ended. */
    async send(name) {
      for (;;) {
        try {
          return await sendOnce(name);
        } catch (error) {
          if (signal.aborted) return false;
          if (!(error instanceof CicdError) || error.code !== "DOCKER_UNREACHABLE") throw error;
        }
        await pause(RETRY_MS, signal);
      }
    },
  };
}

/** Removing a running container kills it first. */
function isRemoved({ Status }: ContainerState): boolean {
  return Status === "removing" || Status === "dead";
}

/** After `signal` it settles with null. What the engine says of a wait is only a hint: `inspect` decides. */
async function waitForExit(
  engine: Engine,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerState | null> {
  let awaySince: number | undefined;
  for (;;) {
    try {
      const State = await nextState(engine, containerId, signal);
      if (signal.aborted) return null;
      if (!State.Running) return isRemoved(State) ? null : State;
      awaySince = undefined;
    } catch (error) {
      if (signal.aborted || statusOf(error) === 404) return null;
      awaySince ??= performance.now();
      if (performance.now() - awaySince > ENGINE_AWAY_MS) {
        throw engineError(error, "wait for the container", engine.host);
      }
      await pause(RETRY_MS, signal);
    }
  }
}

/** The container's state when it has ended, or after a while. Rejects as the engine's calls do, and where one gets no answer. */
async function nextState(engine: Engine, containerId: string, signal: AbortSignal): Promise<ContainerState> {
  const container = engine.docker.getContainer(containerId);
  const asking = new AbortController();
  const stop = () => asking.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const waiting = orAbort(container.wait({ abortSignal: asking.signal }), signal);
    if (await settlesWithin(waiting, LOOK_MS)) await waiting;
    const looking = orAbort(container.inspect({ abortSignal: asking.signal }), signal);
    if (await settlesWithin(looking, LOOK_MS)) return (await looking).State;
    throw new Error("no answer");
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
