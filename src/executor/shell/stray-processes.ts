import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AttemptDirectory, Phase } from "./attempt-directory.ts";

const MARKER = "CICD_SHELL_PHASE";
const PAUSE_MS = 5;
/** What cannot be killed for so long (it waits for a dead disk, say) is left to the system. */
const GIVE_UP_MS = 5_000;

/** A variable that marks every process of a phase, also those that leave its process group, unless they clear their environment. */
export function markerOf(directory: AttemptDirectory, phase: Phase): Record<string, string> {
  return { [MARKER]: join(directory.path, phase) };
}

/**
 * Kills whatever a phase has left running outside of its process group (`setsid`, daemons), until there is none. Only
 * Linux shows the environment of processes (/proc); elsewhere such processes stay.
 */
export async function killStrays(directory: AttemptDirectory, phase: Phase): Promise<void> {
  if (process.platform !== "linux") return;
  const mark = Buffer.from(`${MARKER}=${join(directory.path, phase)}\0`);
  const began = performance.now();
  while (killMarked(mark) > 0 && performance.now() - began < GIVE_UP_MS) await Bun.sleep(PAUSE_MS);
}

/** Returns how many there were. */
function killMarked(mark: Buffer): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isMarked(name, mark));
  for (const pid of pids) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  return pids.length;
}

/** The dead that nobody has waited for show an empty environment, other users' processes none. */
function isMarked(pid: string, mark: Buffer): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`);
    const at = environment.indexOf(mark);
    return at === 0 || (at > 0 && environment[at - 1] === 0);
  } catch {
    return false;
  }
}
