import type Dockerode from "dockerode";
import type { Running } from "../attempt/supervision.ts";
import type { Engine } from "./connection.ts";
import { askLeniently, engineError, statusOf } from "./engine-error.ts";

/** The engine may be away for so long (a restart, an upgrade) before a running job is given up. */
const ENGINE_AWAY_MS = 60_000;
const RETRY_MS = 250;

export type ContainerState = Dockerode.ContainerInspectInfo["State"];

/** A started container. Its state is null when somebody removed it; `exit` rejects with DOCKER_UNREACHABLE when the engine stays away. */
export function runningContainer(
  engine: Engine,
  containerId: string,
  signal: AbortSignal,
): Running<ContainerState | null> {
  return {
    exit: waitForExit(engine, containerId, signal),
    async send(name) {
      const sent = engine.docker.getContainer(containerId).kill({ signal: name });
      const answer = sent.then(() => true as const);
      return (await askLeniently(engine.host, "stop the container", answer, [404, 409])) === true;
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
  const container = engine.docker.getContainer(containerId);
  let awaySince: number | undefined;
  for (;;) {
    try {
      await container.wait({ abortSignal: signal });
      const { State } = await container.inspect();
      if (!State.Running) return isRemoved(State) ? null : State;
      awaySince = undefined;
    } catch (error) {
      if (signal.aborted || statusOf(error) === 404) return null;
      awaySince ??= performance.now();
      if (performance.now() - awaySince > ENGINE_AWAY_MS) {
        throw engineError(error, "wait for the container", engine.host);
      }
      await Bun.sleep(RETRY_MS);
    }
  }
}
