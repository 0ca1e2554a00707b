import { CicdError } from "../../../errors/cicd-error.ts";
import type { AttemptSpec } from "../../../run/executor.ts";
import { callEngine, type Engine } from "../connection.ts";
import { ask, dockerMessage, engineError, statusOf } from "../engine-error.ts";
import { attemptLabels } from "../labels.ts";
import { serviceObjects } from "./names.ts";

const TRIES = 40;
const PAUSE_MS = 50;

/**
 * Makes the network in which a job and its services reach each other, and nobody else reaches them. Returns its name. Throws
 * DOCKER_FAILED, DOCKER_UNREACHABLE.
 */
export async function makeServiceNetwork(
  engine: Engine,
  spec: Pick<AttemptSpec, "name" | "job" | "labels">,
): Promise<string> {
  const name = serviceObjects(spec).network!;
  const made = callEngine(engine, {
    path: "/networks/create",
    method: "POST",
    options: { Name: name, Driver: "bridge", CheckDuplicate: true, Labels: attemptLabels(spec.labels) },
    statusCodes: { 200: true, 201: true },
  });
  try {
    await made;
    return name;
  } catch (error) {
    if (!/address pool|subnet/i.test(dockerMessage(error)))
      return await ask(engine.host, "create a network", Promise.reject(error));
    throw new CicdError(
      "DOCKER_FAILED",
      `Docker has no addresses left for a network, and each running job with services needs one: remove unused networks (docker network prune), let fewer jobs run at once, or give the engine more addresses (default-address-pools). It says: ${dockerMessage(error)}`,
      { cause: error },
    );
  }
}

/** The engine takes containers off a network a little after it said that they are gone. */
export async function removeNetwork(engine: Engine, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await engine.docker.getNetwork(name).remove();
      return;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return;
      if (tries === TRIES || (status !== 403 && status !== 409))
        throw engineError(error, `remove the network ${name}`, engine.host);
      await Bun.sleep(PAUSE_MS);
    }
  }
}
