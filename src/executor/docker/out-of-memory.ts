import type { Readable } from "node:stream";
import { callEngine, type Engine } from "./connection.ts";
import type { ContainerState } from "./running-container.ts";

/** The engine hears of the kernel's kill from elsewhere than of the container's end; one may come this much later. */
const EVENT_LAG_MS = 1_000;
const GIVE_UP_MS = 5_000;

/**
 * Whether the kernel killed a process of the stopped container for want of memory. The container's state says so, but an
 * engine that hears of it late has not put it there yet: then, of a container that failed, the engine's events are asked, all by
 * its own clock. What cannot be found out counts as no.
 */
export async function ranOutOfMemory(
  engine: Engine,
  containerId: string,
  state: ContainerState,
): Promise<boolean> {
  if (state.OOMKilled) return true;
  if (state.ExitCode === 0) return false;
  try {
    return await hasEvent(engine, containerId, state);
  } catch {
    return false;
  }
}

async function hasEvent(engine: Engine, containerId: string, state: ContainerState): Promise<boolean> {
  const events = (await callEngine(engine, {
    path: "/events?",
    method: "GET",
    options: {
      since: seconds(Date.parse(state.StartedAt)),
      until: seconds(Date.parse(state.FinishedAt) + EVENT_LAG_MS),
      filters: { container: [containerId], event: ["oom"] },
    },
    abortSignal: AbortSignal.timeout(GIVE_UP_MS),
    isStream: true,
    statusCodes: { 200: true },
  })) as Readable;
  for await (const chunk of events) if (chunk.length > 0) return true;
  return false;
}

function seconds(epochMs: number): string {
  return (epochMs / 1_000).toFixed(3);
}
