import type { Engine } from "./connection.ts";
import { ask, engineError } from "./engine-error.ts";

/**
 * Throws DOCKER_UNREACHABLE where the engine takes no new connections. One that is stopped in order (a reboot, `systemctl stop
 * docker`) closes its door first, then stops its containers: how those ended says nothing about their jobs. Connections that
 * are open already go on meanwhile, so a new one is made.
 */
export async function expectEngine(engine: Engine): Promise<void> {
  if (engine.dial === null) return void (await ask(engine.host, "answer", engine.docker.ping()));
  try {
    (await engine.dial()).destroy();
  } catch (error) {
    throw engineError(error, "answer", engine.host);
  }
}
