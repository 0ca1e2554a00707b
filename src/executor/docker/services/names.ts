import type { AttemptSpec } from "../../../run/executor.ts";

/** What an attempt has for its services; nothing where it has none. */
export interface ServiceObjects {
  network: string | undefined;
  /** By the place of the service in the job. */
  containers: string[];
  /** Beside a service whose image cannot tell what listens in it. */
  lookouts: string[];
}

/** Known from the attempt alone, so that whoever removes it needs not ask what there is. */
export function serviceObjects({ name, job }: Pick<AttemptSpec, "name" | "job">): ServiceObjects {
  const containers = job.services.map((_, index) => `${name}-s${index}`);
  return {
    network: containers.length === 0 ? undefined : `${name}-n`,
    containers,
    lookouts: containers.map((container) => `${container}-look`),
  };
}
