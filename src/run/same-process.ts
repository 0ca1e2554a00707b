import type { Owner } from "./records.ts";

/** Whether a run's owner is this very process, not one that was given its id later. */
export function isSameProcess(one: Owner | null, other: Owner): boolean {
  const { machineId, bootId, pid, processStart } = other;
  if (one?.machineId !== machineId || one.bootId !== bootId) return false;
  return one.pid === pid && one.processStart === processStart;
}
