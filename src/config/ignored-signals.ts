import { readFileSync } from "node:fs";

/**
 * True where the process was started to survive its terminal (`nohup`): SIGHUP is ignored and stays so. False where the
 * system does not tell. SIGINT is not asked about: shells ignore it for every job in the background.
 */
export function isHangupIgnored(): boolean {
  try {
    return ignoresHangup(readFileSync("/proc/self/status", "utf8"));
  } catch {
    return false;
  }
}

/** From proc(5): `SigIgn` is a hexadecimal mask, its lowest bit is signal 1, SIGHUP. */
export function ignoresHangup(status: string): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & 1n) === 1n;
}
