import type { AttemptSpec } from "../../run/executor.ts";
import type { Engine } from "./connection.ts";
import { engineError, statusOf } from "./engine-error.ts";
import { serviceObjects } from "./services/names.ts";
import { removeNetwork } from "./services/service-network.ts";
import { removeWorkspace } from "./workspace-volumes.ts";

const TRIES = 40;
const PAUSE_MS = 50;

/** Removes an attempt's containers, volumes and network, and what of them there is. */
export async function removeAttempt(engine: Engine, spec: Pick<AttemptSpec, "name" | "job">): Promise<void> {
  const { containers, lookouts, network } = serviceObjects(spec);
  const all = [spec.name, ...lookouts, ...containers];
  await Promise.all(all.map((container) => removeContainer(engine, container)));
  if (network !== undefined) await removeNetwork(engine, network);
  await removeWorkspace(engine, spec.name);
}

/** Kills and removes a container with its anonymous volumes; waits where somebody else is removing it. */
export async function removeContainer(engine: Engine, nameOrId: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await engine.docker.getContainer(nameOrId).remove({ force: true, v: true });
      return;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return;
      const transient = status === 409 || (status === 500 && /busy/i.test(String(error)));
      if (tries === TRIES || !transient)
        throw engineError(error, `remove the container ${nameOrId}`, engine.host);
      await Bun.sleep(PAUSE_MS);
    }
  }
}
