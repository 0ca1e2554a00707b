import type Dockerode from "dockerode";
import { formatDuration } from "../../../pipeline/duration.ts";
import { pause } from "../../../run/persist.ts";
import type { Engine } from "../connection.ts";
import { ask } from "../engine-error.ts";
import { listeningPorts } from "./listening-ports.ts";
import type { Lookout } from "./lookout.ts";
import { failureOf, type StartedService } from "./service-failure.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;
/** What has nothing that could be asked is taken for ready once it has run for so long. */
const SETTLED_MS = 300;
/** An image may expose ports that it does not use: after so long with some of them open the others are not waited for. */
const SOME_OPEN_MS = 10_000;

/**
 * Waits until the service is ready: healthy, where its health is checked; else until all ports that its image exposes are listened on.
 * Returns what is to be said of it, if something is. Throws ServiceFailure where it ends or takes longer than `limitMs`; the
 * signal's reason when aborted.
 */
export async function awaitReady(
  engine: Engine,
  started: StartedService,
  lookout: Lookout,
  limitMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const beganAt = performance.now();
  let someOpenAt: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    const { State } = await ask(
      engine.host,
      "look at a service",
      engine.docker.getContainer(started.id).inspect(),
    );
    if (!State.Running) {
      const problem = `ended with exit code ${State.ExitCode} before it was ready.`;
      throw await failureOf(engine, started, problem);
    }
    const elapsedMs = performance.now() - beganAt;
    const look = await lookAt(engine, started, State, lookout, elapsedMs);
    signal.throwIfAborted();
    if (look.kind === "ready") return undefined;
    if (look.kind === "broken") throw await failureOf(engine, started, look.problem);
    if (look.someOpen) someOpenAt ??= performance.now();
    if (someOpenAt !== undefined && performance.now() - someOpenAt > SOME_OPEN_MS)
      return `the service ${started.title} ${look.problem}; it is taken for ready without that`;
    if (elapsedMs > limitMs) {
      const problem = `was not ready within ${formatDuration(limitMs)}: it ${look.problem}.`;
      throw await failureOf(engine, started, problem);
    }
    await pause(pauseMs, signal);
    signal.throwIfAborted();
  }
}

type Look =
  | { kind: "ready" }
  | { kind: "broken"; problem: string }
  | { kind: "not_yet"; problem: string; someOpen: boolean };

async function lookAt(
  engine: Engine,
  started: StartedService,
  state: Dockerode.ContainerInspectInfo["State"],
  lookout: Lookout,
  elapsedMs: number,
): Promise<Look> {
  if (started.isChecked) return lookAtHealth(state.Health);
  if (started.ports.length > 0) {
    const tables = await lookout.socketTables(engine, started.id);
    if (tables !== undefined) return lookAtPorts(started.ports, tables);
  }
  if (elapsedMs > SETTLED_MS) return { kind: "ready" };
  return { kind: "not_yet", problem: "has only just started", someOpen: false };
}

function lookAtHealth(health: Dockerode.ContainerInspectInfo["State"]["Health"]): Look {
  if (health?.Status === "healthy") return { kind: "ready" };
  const said = health?.Log?.at(-1)?.Output?.trim().slice(-300) ?? "";
  const answer = said === "" ? "" : ` (its check says: ${said.replace(/\s+/g, " ")})`;
  if (health?.Status === "unhealthy") return { kind: "broken", problem: `is not healthy${answer}.` };
  return { kind: "not_yet", problem: `was not healthy yet${answer}`, someOpen: false };
}

function lookAtPorts(ports: number[], tables: string): Look {
  const { open, loopback } = listeningPorts(tables);
  const closed = ports.filter((port) => !open.has(port));
  if (closed.length === 0) return { kind: "ready" };
  const inside = closed.filter((port) => loopback.has(port));
  const problem =
    inside.length > 0
      ? `listens on port ${inside.join(", ")} for itself alone (127.0.0.1)`
      : `does not listen on port ${closed.join(", ")}`;
  return { kind: "not_yet", problem, someOpen: closed.length < ports.length };
}
