import type { AttemptSpec } from "../../../run/executor.ts";
import type { Engine } from "../connection.ts";
import { serviceObjects } from "./names.ts";
import { failureOf, type ServiceFailure, titleOf } from "./service-failure.ts";

/** Of services that ended by themselves while the job ran: often that is why it failed. Never rejects. */
export async function deadServices(
  engine: Engine,
  spec: Pick<AttemptSpec, "name" | "job">,
): Promise<ServiceFailure[]> {
  const { containers } = serviceObjects(spec);
  const looks = containers.map(async (id, index) => {
    const { State } = await engine.docker.getContainer(id).inspect();
    if (State.Running) return [];
    const how = State.OOMKilled ? "used too much memory" : `ended with exit code ${State.ExitCode}`;
    const title = titleOf(spec.job.services[index]!);
    return [await failureOf(engine, { id, title }, `${how} while the job ran.`)];
  });
  const ended = await Promise.allSettled(looks);
  return ended.flatMap((end) => (end.status === "fulfilled" ? end.value : []));
}
