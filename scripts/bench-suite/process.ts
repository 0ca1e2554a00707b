import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";

export interface ProcessOptions {
  cwd: string;
  env: Record<string, string>;
  /** Standard output and error go there; what it held is replaced. */
  output: string;
  /** Called now and then while it runs, with its process id. */
  watch?: (pid: number) => void;
  /** Statuses that count as done, [0] by default. */
  statuses?: number[];
}

const WATCH_MS = 10;
const SHOWN_BYTES = 2_000;
const PATIENCE_MS = 10_000;
const running = new Set<Bun.Subprocess>();
let isOver = false;

/** Wall clock of the whole process in milliseconds, from before it is made until its end is known. Throws when it fails. */
export async function timeProcess(command: string[], options: ProcessOptions): Promise<number> {
  const { cwd, env, output, watch, statuses = [0] } = options;
  refuseWhenOver();
  await using file = await open(output, "w");
  const started = performance.now();
  const child = Bun.spawn(command, { cwd, env, stdin: "ignore", stdout: file.fd, stderr: file.fd });
  running.add(child);
  const timer = watch && setInterval(() => watch(child.pid), WATCH_MS);
  const status = await child.exited;
  const tookMs = performance.now() - started;
  clearInterval(timer);
  running.delete(child);
  if (statuses.includes(status)) return tookMs;
  const said = (await Bun.file(output).text()).slice(-SHOWN_BYTES).trim();
  throw new Error(`${command.join(" ")} ended with ${status}:\n${said}`);
}

/** What a command prints on its standard output. Throws when it fails. */
export async function outputOf(
  command: string[],
  { cwd, env }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const child = Bun.spawn(command, {
    ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  running.add(child);
  const [text, problem] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const status = await child.exited;
  running.delete(child);
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}:\n${problem.trim()}`);
  return text;
}

/** Ends what was started here and is still running, at once after `PATIENCE_MS`. Nothing can be started any more. */
export async function endProcesses(): Promise<void> {
  isOver = true;
  const children = [...running];
  for (const child of children) child.kill("SIGTERM");
  const killing = setTimeout(() => {
    for (const child of children) child.kill("SIGKILL");
  }, PATIENCE_MS);
  await Promise.all(children.map((child) => child.exited));
  clearTimeout(killing);
}

function refuseWhenOver(): void {
  if (isOver) throw new Error("interrupted");
}

/**
 * Memory of a living process in bytes, as Linux counts it: what is resident now, and the most that ever was. Undefined once it
 * is gone. The kernel's figure for an ended child (`ru_maxrss`) is no use: it begins with the size of the process it was
 * forked from.
 */
export function memoryOf(pid: number): { residentBytes: number; peakBytes: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const peakBytes = readKilobytes(status, "VmHWM");
    const residentBytes = readKilobytes(status, "VmRSS");
    return peakBytes === 0 ? undefined : { residentBytes, peakBytes };
  } catch {
    return undefined;
  }
}

function readKilobytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
}
