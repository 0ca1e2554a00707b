import { CicdError } from "../../errors/cicd-error.ts";
import type { AttemptSpec } from "../../run/executor.ts";
import type { Engine } from "./connection.ts";
import { engineError, statusOf } from "./engine-error.ts";
import { readAttemptLabels, sameAttempt } from "./labels.ts";
import { removeAttempt } from "./removal.ts";

/** Told apart from other failures: that container is not ours to remove. */
export class ForeignContainerError extends CicdError {
  constructor(name: string) {
    super("DOCKER_FAILED", `The container name ${name} is taken by a container of somebody else.`, {
      hint: "Remove or rename that container.",
    });
  }
}

/**
 * The attempt's container, once started. One that never started is removed with its half-made workspace. Undefined: there
 * is none (any more). Throws ForeignContainerError when the name belongs to somebody else.
 */
export async function findOwnContainer(engine: Engine, spec: AttemptSpec) {
  const found = await inspectContainer(engine, spec.name);
  if (found === undefined) return undefined;
  const labels = readAttemptLabels(found.Config.Labels);
  if (labels === undefined || !sameAttempt(labels, spec.labels)) throw new ForeignContainerError(spec.name);
  if (found.State.Status !== "created") return found;
  await removeAttempt(engine, spec);
  return undefined;
}

async function inspectContainer(engine: Engine, name: string) {
  try {
    return await engine.docker.getContainer(name).inspect();
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(error, `inspect the container ${name}`, engine.host);
  }
}
