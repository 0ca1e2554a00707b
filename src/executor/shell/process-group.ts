import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Running } from "../attempt/supervision.ts";
import { type AttemptDirectory, fileError, type Phase, readExitCode, readPid } from "./attempt-directory.ts";
import { killStrays, markerOf } from "./stray-processes.ts";

const POLL_MS = 25;

/**
 * Heads the attempt's process group. It writes its own pid down before the program starts and the exit code after, so
 * that whoever owns the attempt then can go on, even where the job removed the directory; it outlives SIGTERM, and takes
 * what is left of the group with it.
 * Arguments: the attempt's directory, the phase, the shell.
 */
const WRAPPER = `trap : TERM
echo $$ >"$1/$2.pid.new" && mv "$1/$2.pid.new" "$1/$2.pid" || exit 1
cd "$1/tree" || exit 1
"$3" "$1/$2.sh" </dev/null
code=$?
mkdir -p "$1" && echo $code >"$1/$2.exit.new" && mv "$1/$2.exit.new" "$1/$2.exit"
kill -KILL 0`;

/** How a phase ended; null: it was killed before it could leave an exit code. */
export type ShellState = { exitCode: number | null };

/**
 * Starts a program in a session of its own, with this environment and the phase's marker; its output goes to the
 * attempt's log. `exit` settles when nothing of the phase runs any more.
 */
export async function startGroup(
  directory: AttemptDirectory,
  phase: Phase,
  program: string,
  environment: Record<string, string>,
): Promise<Running<ShellState>> {
  const output = openSync(directory.log, "a", 0o600);
  try {
    await writeFile(join(directory.path, `${phase}.sh`), program, { mode: 0o600 });
    const shell = Bun.which("bash", { PATH: environment.PATH ?? "" }) ?? "sh";
    const child = spawn("/bin/sh", ["-c", WRAPPER, "sh", directory.path, phase, shell], {
      cwd: directory.tree,
      detached: true,
      env: { ...environment, ...markerOf(directory, phase) },
      stdio: ["ignore", output, output],
    });
    const over = Promise.withResolvers<void>();
    child.once("exit", () => over.resolve());
    child.once("error", (error) => over.reject(error));
    return {
      exit: over.promise.then(async () => {
        const exitCode = (await readExitCode(directory, phase)) ?? null;
        if (exitCode === null) signalGroup(child.pid, "SIGKILL");
        await killStrays(directory, phase);
        return { exitCode };
      }),
      send: async (signal) =>
        child.exitCode === null && child.signalCode === null && signalGroup(child.pid, signal),
    };
  } catch (error) {
    throw fileError(error, "start the script");
  } finally {
    closeSync(output);
  }
}

/** Takes over what an earlier owner started. `signal` ends the watch; then `exit` never matters. */
export function adoptGroup(
  directory: AttemptDirectory,
  phase: Phase,
  pid: number,
  signal: AbortSignal,
): Running<ShellState> {
  const isAlive = () => isWrapper(pid, directory);
  const watch = async (): Promise<ShellState> => {
    for (;;) {
      const alive = isAlive();
      const exitCode = await readExitCode(directory, phase);
      if (signal.aborted) return { exitCode: exitCode ?? null };
      if (exitCode !== undefined || !alive) {
        await killStrays(directory, phase);
        return { exitCode: exitCode ?? null };
      }
      await Bun.sleep(POLL_MS);
    }
  };
  return { exit: watch(), send: async (name) => isAlive() && signalGroup(pid, name) };
}

/** Kills what an attempt left running, whichever phase, but nothing to which its pids belong by now. */
export async function killGroups(directory: AttemptDirectory): Promise<void> {
  for (const phase of ["main", "after"] as const) {
    const pid = await readPid(directory, phase);
    if (pid !== undefined && isWrapper(pid, directory)) {
      signalGroup(pid, "SIGKILL");
      while (isWrapper(pid, directory)) await Bun.sleep(POLL_MS);
    }
    await killStrays(directory, phase);
  }
}

function signalGroup(pid: number | undefined, signal: "SIGTERM" | "SIGKILL"): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** A pid may have been given to another process: ours names the attempt's directory among its arguments. */
function isWrapper(pid: number, directory: AttemptDirectory): boolean {
  if (process.platform === "linux") {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(directory.path);
    } catch {
      return false;
    }
  }
  const { stdout } = Bun.spawnSync(["ps", "-o", "command=", "-p", String(pid)]);
  return stdout.toString().includes(directory.path);
}
