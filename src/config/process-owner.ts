import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Owner } from "../run/records.ts";
import { readOrCreate } from "./state-dir.ts";

/** Who this process is, over reboots and reused process ids. */
export function readOwner(stateDir: string): Owner {
  const { pid } = process;
  return {
    machineId: readMachineId(stateDir),
    bootId: readBootId(),
    pid,
    processStart: readProcessStart(pid) ?? "unknown",
  };
}

/**
 * False when the owner is known to be gone: of this machine, and of an earlier boot, or its process id is free or belongs
 * to a process that started at another time. True when it lives, or cannot be known (another machine).
 */
export function isOwnerAlive(owner: Owner, self: Owner): boolean {
  if (owner.machineId !== self.machineId) return true;
  if (owner.bootId !== self.bootId) return false;
  const start = readProcessStart(owner.pid);
  return start !== undefined && start === owner.processStart;
}

/**
 * The machine's id, or one of our own kept in the state directory. A container shares its machine's boot id and may
 * share its machine id, but not its process ids: the process namespace belongs to the identity.
 */
function readMachineId(stateDir: string): string {
  const id =
    readTrimmed("/etc/machine-id") ??
    readOrCreate(join(stateDir, "machine-id"), () => randomBytes(16).toString("hex")).trim();
  const namespace = readPidNamespace();
  // machine-id(5) wants the id itself kept private: only a hash of it leaves this function.
  const hash = new Bun.CryptoHasher("sha256").update(`cicd ${id}`).digest("hex").slice(0, 32);
  return namespace === undefined ? hash : `${hash}.${namespace}`;
}

/** The kernel's constant number of the machine's own process namespace. */
const INITIAL_PID_NAMESPACE = "4026531836";

function readPidNamespace(): string | undefined {
  try {
    const number = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0];
    return number === INITIAL_PID_NAMESPACE ? undefined : number;
  } catch {
    return undefined;
  }
}

function readBootId(): string {
  if (process.platform === "darwin") return runAndTrim("sysctl", ["-n", "kern.bootsessionuuid"]) ?? "unknown";
  return readTrimmed("/proc/sys/kernel/random/boot_id") ?? "unknown";
}

/** Undefined: there is no such process. */
function readProcessStart(pid: number): string | undefined {
  if (process.platform === "darwin") return runAndTrim("ps", ["-o", "lstart=", "-p", String(pid)]);
  const stat = readTrimmed(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : parseProcessStart(stat);
}

/** Field 22 of `/proc/PID/stat`, clock ticks since boot; field 2, the name in parentheses, may hold anything. A zombie is gone. */
export function parseProcessStart(stat: string): string | undefined {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? undefined : rest[18];
}

function readTrimmed(path: string): string | undefined {
  try {
    const text = readFileSync(path, "utf8").trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}

function runAndTrim(program: string, args: string[]): string | undefined {
  const { stdout } = spawnSync(program, args, {
    encoding: "utf8",
    env: { PATH: "/usr/sbin:/usr/bin:/bin:/sbin", LC_ALL: "C" },
  });
  const text = stdout?.trim();
  return text ? text : undefined;
}
